"""What a screen reader sees, and a press on what it found.

screen.py names        every spoken name, one a line
screen.py press NAME   does the first action of the control with this name; exit code 1 when there is none
screen.py focus NAME   gives it the keyboard, likewise
"""

import sys

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402


def nodes(node):
    """The node and everything below it. A node that went away meanwhile is left out."""
    yield node
    try:
        children = [node.get_child_at_index(i) for i in range(node.get_child_count())]
    except GLib.Error:
        return
    for child in children:
        if child is not None:
            yield from nodes(child)


def named():
    desktop = Atspi.get_desktop(0)
    for node in nodes(desktop):
        try:
            name = node.get_name()
        except GLib.Error:
            continue
        if name and node != desktop:
            yield name, node


def press(wanted):
    for name, node in named():
        if name == wanted:
            try:
                action = node.get_action_iface()
                if action is not None and action.get_n_actions() and action.do_action(0):
                    return 0
            except GLib.Error:
                continue
    return 1


def focus(wanted):
    for name, node in named():
        if name == wanted:
            try:
                component = node.get_component_iface()
                if component is not None and component.grab_focus():
                    return 0
            except GLib.Error:
                continue
    return 1


if sys.argv[1] == "focus":
    sys.exit(focus(sys.argv[2]))
if sys.argv[1] == "press":
    sys.exit(press(sys.argv[2]))
for name, _ in named():
    print(name.replace("\n", " "))
