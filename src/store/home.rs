//! Where everything lies, and the only place that reads the process environment.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::DirBuilder;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use super::error::{StoreError, in_words};
use super::folder::{self, Folder};
use super::vault::Vault;
use super::{import, live, overlay, rotation, safe_file};

/// The directory of the Codex CLI and of us. Cheap to clone.
#[derive(Clone)]
pub struct Home {
    root: Arc<Path>,
    vault: Arc<Vault>,
    /// How the store waits between two tries of anything.
    pause: Arc<dyn Fn(Duration) + Send + Sync>,
}

/// The process environment as it was at the start. Its `Debug` shows no value: some are secrets.
#[derive(Clone)]
pub struct Environment {
    variables: HashMap<OsString, OsString>,
    user_home: Option<PathBuf>,
    /// Of the one home that it names, so that a passphrase is asked for once.
    vault: Arc<OnceLock<Arc<Vault>>>,
}

/// Why there is no home to work in. Carries whole paths: the home itself is what is wrong.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    #[error("no home directory was found; set CODEX_HOME to the folder that Codex uses")]
    Unknown,
    #[error("the Codex folder {0:?} is not a folder; move it away or set CODEX_HOME")]
    NotAFolder(PathBuf),
    #[error(
        "the Codex folder {0:?} belongs to another user of this computer; set CODEX_HOME to your own"
    )]
    Foreign(PathBuf),
    #[error("could not use the Codex folder {path:?}: {}", in_words(cause))]
    Unusable { path: PathBuf, cause: io::Error },
}

impl Environment {
    /// Reads the process environment. Call it once, at the start.
    pub fn read() -> Self {
        Self {
            variables: std::env::vars_os().collect(),
            user_home: dirs::home_dir(),
            vault: Arc::default(),
        }
    }

    /// An environment of these variables alone.
    pub fn of<N: Into<OsString>, V: Into<OsString>>(
        variables: impl IntoIterator<Item = (N, V)>,
        user_home: Option<PathBuf>,
    ) -> Self {
        Self {
            variables: variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            user_home,
            vault: Arc::default(),
        }
    }

    /// The same, but for these variables.
    pub fn with<N: Into<OsString>, V: Into<OsString>>(
        &self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let mut changed = self.clone();
        let variables = variables.into_iter();
        changed
            .variables
            .extend(variables.map(|(name, value)| (name.into(), value.into())));
        changed
    }

    /// The value of a variable; `None` as well when it is no Unicode text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(OsStr::new(name))?.to_str()
    }

    /// The user's own home directory.
    pub fn user_home(&self) -> Option<&Path> {
        self.user_home.as_deref()
    }

    /// The value of a variable as a path; an empty one counts as unset.
    pub fn path(&self, name: &str) -> Option<&Path> {
        self.variables
            .get(OsStr::new(name))
            .filter(|value| !value.is_empty())
            .map(Path::new)
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Environment({} variables)", self.variables.len())
    }
}

impl Home {
    /// `$CODEX_HOME` (empty counts as unset), else `~/.codex`; made with mode 0700 if it is missing.
    ///
    /// # Errors
    /// When it cannot be made, is no directory, not ours, or not writable.
    pub fn find(environment: &Environment) -> Result<Self, HomeError> {
        let home = Self::at(&Self::path(environment)?)?;
        Ok(home.with_vault_of(environment))
    }

    /// The same directory, whether it is there or not: nothing is made, and nothing found wrong.
    ///
    /// # Errors
    /// When nothing says where it would be, or it is there and cannot be used.
    pub fn look(environment: &Environment) -> Result<Self, HomeError> {
        let path = Self::path(environment)?;
        if path.exists() {
            return Ok(Self::at(&path)?.with_vault_of(environment));
        }
        Ok(Self::of(path))
    }

    /// Where it is by the environment.
    fn path(environment: &Environment) -> Result<PathBuf, HomeError> {
        match environment.path("CODEX_HOME") {
            // In a terminal of one account our own home is the real one.
            Some(path) => Ok(behind_overlay(path).unwrap_or(path).to_owned()),
            None => Ok(environment
                .user_home()
                .ok_or(HomeError::Unknown)?
                .join(".codex")),
        }
    }

    /// The home at this path, as [`Self::find`] does it.
    ///
    /// # Errors
    /// As of [`Self::find`].
    pub fn at(path: &Path) -> Result<Self, HomeError> {
        let unusable = |cause| HomeError::Unusable {
            path: path.to_owned(),
            cause,
        };
        if !path.exists() {
            let mut builder = DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(path).map_err(unusable)?;
        }
        // As the CLI does it (codex-rs/utils/home-dir/src/lib.rs), so that both mean the same directory.
        let root = path.canonicalize().map_err(unusable)?;
        let meta = root.metadata().map_err(unusable)?;
        if !meta.is_dir() {
            return Err(HomeError::NotAFolder(root));
        }
        #[cfg(unix)]
        if std::os::unix::fs::MetadataExt::uid(&meta) != rustix::process::geteuid().as_raw() {
            return Err(HomeError::Foreign(root));
        }
        folder::is_writable(&root).map_err(unusable)?;
        Ok(Self::of(root))
    }

    fn of(root: PathBuf) -> Self {
        let root: Arc<Path> = root.into();
        Self {
            vault: Arc::new(Vault::of(root.clone())),
            root,
            pause: Arc::new(std::thread::sleep),
        }
    }

    /// All homes of one environment are the same one.
    fn with_vault_of(self, environment: &Environment) -> Self {
        let vault = environment.vault.get_or_init(|| self.vault.clone()).clone();
        Self { vault, ..self }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The login that the Codex CLI uses.
    pub fn live_auth(&self) -> PathBuf {
        self.root.join(LIVE)
    }

    /// The CLI's own settings. Written only where the user wants Codex pointed at the router or away from it.
    pub fn cli_config(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    /// The name of the profile that was selected last, as plain text, for other tools. Never trusted by us.
    pub fn current_profile(&self) -> PathBuf {
        self.root.join(CURRENT_PROFILE)
    }

    pub fn profiles_dir(&self) -> PathBuf {
        self.root.join(PROFILES)
    }

    pub fn router_dir(&self) -> PathBuf {
        self.root.join(ROUTER)
    }

    pub fn locks_dir(&self) -> PathBuf {
        self.router_dir().join(LOCKS)
    }

    pub fn backups_dir(&self) -> PathBuf {
        self.router_dir().join(BACKUPS)
    }

    pub fn displaced_dir(&self) -> PathBuf {
        self.router_dir().join(DISPLACED)
    }

    /// Deleted profiles, kept for a while.
    pub fn trash_dir(&self) -> PathBuf {
        self.router_dir().join(TRASH)
    }

    /// Renames of profiles of which not everybody has been told yet.
    pub(super) fn renames(&self) -> PathBuf {
        self.router_dir().join(RENAMES)
    }

    pub fn instance_lock(&self) -> PathBuf {
        self.router_dir().join(INSTANCE_LOCK)
    }

    pub fn config(&self) -> PathBuf {
        self.router_dir().join("config.toml")
    }

    pub fn state(&self) -> PathBuf {
        self.router_dir().join(STATE)
    }

    /// The client keys, as digests.
    pub fn keys(&self) -> PathBuf {
        self.router_dir().join(KEYS)
    }

    /// Usage numbers from the last run.
    pub fn usage_cache(&self) -> PathBuf {
        self.router_dir().join("usage.json")
    }

    /// What profiles offered in the last run.
    pub fn models_cache(&self) -> PathBuf {
        self.router_dir().join("models.json")
    }

    /// Parameters that upstreams were seen to refuse.
    pub fn refused_cache(&self) -> PathBuf {
        self.router_dir().join("parameters.json")
    }

    /// The ledger. Its room opens it by itself.
    pub fn ledger(&self) -> PathBuf {
        self.router_dir().join("router.db")
    }

    /// The user's own prices.
    pub fn prices(&self) -> PathBuf {
        self.router_dir().join("prices.toml")
    }

    /// Touched by whoever changed a file of ours that a running instance should read again.
    pub fn changed(&self) -> PathBuf {
        self.router_dir().join("changed")
    }

    /// Pauses from the last run.
    pub fn cooldown_cache(&self) -> PathBuf {
        self.router_dir().join("cooldowns.json")
    }

    /// Homes for one terminal each.
    pub fn overlays_dir(&self) -> PathBuf {
        self.router_dir().join(OVERLAYS)
    }

    /// What the settings of other programs were before we changed them.
    pub fn connections_dir(&self) -> PathBuf {
        self.router_dir().join(CONNECTIONS)
    }

    /// Touched by a second instance that wants the first one's window.
    pub fn raise(&self) -> PathBuf {
        self.router_dir().join("raise")
    }

    pub(super) fn folder(&self) -> Result<Folder, StoreError> {
        Folder::of_home(&self.root, self.vault.clone())
    }

    pub(super) fn vault(&self) -> &Vault {
        &self.vault
    }

    pub(super) fn router_folder(&self) -> Result<Folder, StoreError> {
        self.folder()?.make(ROUTER)
    }

    /// Our own folder, if there is one by now.
    pub(super) fn router_folder_if_there(&self) -> Result<Option<Folder>, StoreError> {
        self.folder()?.child(ROUTER)
    }

    pub(super) fn pause(&self, time: Duration) {
        (self.pause)(time);
    }

    /// The same home, whose waiting is done by `pause`: tests wait for nothing.
    #[cfg(test)]
    #[cfg(unix)]
    pub(super) fn with_pause(mut self, pause: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        self.pause = Arc::new(pause);
        self
    }
}

pub(super) const LIVE: &str = "auth.json";
pub(super) const PROFILES: &str = "profiles";
pub(super) const CURRENT_PROFILE: &str = ".current_profile";
pub(super) const LOCKS: &str = "locks";
pub(super) const BACKUPS: &str = "backups";
pub(super) const DISPLACED: &str = "displaced";
pub(super) const TRASH: &str = "trash";
pub(super) const RENAMES: &str = "renames.json";
pub(super) const OVERLAYS: &str = "overlays";
pub(super) const CONNECTIONS: &str = "connections";
pub(super) const INSTANCE_LOCK: &str = "instance.lock";
pub(super) const STATE: &str = "state.json";
pub(super) const KEYS: &str = "keys.json";
pub(super) const ROUTER: &str = "router";

/// The home that an overlay belongs to; `None` when it is none.
fn behind_overlay(path: &Path) -> Option<&Path> {
    let overlays = path.parent()?;
    let router = overlays.parent()?;
    let is_one = overlays.file_name()? == OVERLAYS
        && router.file_name()? == ROUTER
        && path.join(overlay::MARK).is_file();
    is_one.then(|| router.parent())?
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Home({:?})", self.root)
    }
}

/// Once at the start: closes our directories and all future files to other users, and removes temporary files that a killed
/// process of ours left behind.
///
/// # Errors
/// When one of our directories cannot be made or is not ours.
pub fn prepare(home: &Home, now: SystemTime) -> Result<(), StoreError> {
    folder::close_new_files_to_others();
    let root = home.folder()?;
    let router = home.router_folder()?;
    let backups = router.make(BACKUPS)?;
    let mut folders = vec![
        router.make(LOCKS)?,
        router.make(DISPLACED)?,
        router.make(CONNECTIONS)?,
    ];
    folders.extend(folders_in(&backups)?);
    folders.push(backups);
    if let Some(profiles) = root.child(PROFILES)? {
        profiles.close_to_others()?;
        // Before anything in them is removed: that makes a directory look young.
        import::remove_leftovers_in(&profiles, now)?;
        for profile in folders_in(&profiles)? {
            // Nowhere else can a temporary file be the only copy of a login.
            safe_file::remove_leftovers(&profile, now, rotation::is_recoverable)?;
        }
        folders.push(profiles);
    }
    // A deleted profile takes its own along.
    if let Some(trash) = router.child(TRASH)? {
        for deleted in folders_in(&trash)? {
            safe_file::remove_leftovers(&deleted, now, rotation::is_recoverable)?;
        }
    }
    // A live file elsewhere (a link) is replaced where it lies, so leftovers lie there, too.
    if let Some(path) = live::linked_dir(home) {
        folders.push(Folder::open(&path, &path)?);
    }
    folders.extend([root, router]);
    for folder in &folders {
        safe_file::remove_leftovers(folder, now, |_, _| false)?;
    }
    Ok(())
}

/// The directories in a directory. Links and files between them are not ours to touch.
fn folders_in(parent: &Folder) -> Result<Vec<Folder>, StoreError> {
    let mut folders = Vec::new();
    for name in parent.names()? {
        if parent.kind_of(&name)? == Some(folder::Kind::Folder) {
            folders.extend(parent.child(&name)?);
        }
    }
    Ok(folders)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::store::testing::{TestHome, mode_of};

    #[test]
    fn the_home_is_codex_home_or_else_below_the_users_home() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        let user = Some(root.join("user"));
        let set = Environment::of([("CODEX_HOME", root.join("elsewhere"))], user.clone());
        assert_eq!(Home::find(&set).unwrap().root(), root.join("elsewhere"));
        let empty = Environment::of([("CODEX_HOME", "")], user);
        let home = Home::find(&empty).unwrap();
        assert_eq!(home.root(), root.join("user/.codex"));
        assert_eq!(home.live_auth(), root.join("user/.codex/auth.json"));
        assert_eq!(mode_of(home.root()), 0o700);
        let none = Environment::of([("X", "y")], None);
        assert!(matches!(Home::find(&none), Err(HomeError::Unknown)));
    }

    #[test]
    fn looking_for_the_home_makes_nothing() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        let path = root.join("not there");
        let home = Home::look(&Environment::of([("CODEX_HOME", &path)], None)).unwrap();
        assert_eq!(home.root(), path);
        assert!(!path.exists());
        let there = Home::look(&Environment::of([("CODEX_HOME", &root)], None)).unwrap();
        assert_eq!(there.root(), root);
        let none = Environment::of([("X", "y")], None);
        assert!(matches!(Home::look(&none), Err(HomeError::Unknown)));
    }

    #[test]
    fn a_file_in_the_place_of_the_home_is_said_to_be_one() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().canonicalize().unwrap().join("file");
        std::fs::write(&path, "").unwrap();
        assert!(matches!(Home::at(&path), Err(HomeError::NotAFolder(p)) if p == path));
        let below = Home::at(&path.join("deeper")).unwrap_err().to_string();
        assert!(below.contains("could not use the Codex folder"), "{below}");
    }

    #[test]
    fn a_home_that_is_a_link_is_the_directory_it_leads_to() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("real")).unwrap();
        std::os::unix::fs::symlink(root.join("real"), root.join("link")).unwrap();
        assert_eq!(
            Home::at(&root.join("link")).unwrap().root(),
            root.join("real")
        );
    }

    #[test]
    fn an_environment_does_not_print_its_values() {
        let environment = Environment::of([("OPENAI_API_KEY", "sk-FAKE")], None);
        assert_eq!(format!("{environment:?}"), "Environment(1 variables)");
        assert_eq!(environment.get("OPENAI_API_KEY"), Some("sk-FAKE"));
        assert_eq!(environment.get("openai"), None);
    }

    #[test]
    fn preparing_closes_our_directories_and_removes_only_our_old_leftovers() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = TestHome::new();
        home.profile("work", &crate::store::testing::login("ana", 1));
        let loose = std::fs::Permissions::from_mode(0o755);
        std::fs::create_dir(home.router_dir()).unwrap();
        for path in [home.router_dir(), home.profiles_dir()] {
            std::fs::set_permissions(path, loose.clone()).unwrap();
        }
        std::fs::create_dir(home.backups_dir()).unwrap();
        std::fs::write(home.backups_dir().join("note.txt"), "not ours").unwrap();
        let ours = "profiles/work/.auth.json.0123456789abcdef.tmp";
        let foreign = [
            ".auth-Ab12Cd",
            ".x.tmp",
            "y.0123456789abcdef.tmp",
            ".auth.json.0123456789abcdeg.tmp",
        ];
        for name in foreign.iter().chain([&ours]) {
            std::fs::write(home.root().join(name), "x").unwrap();
        }
        let written = home
            .root()
            .join(ours)
            .metadata()
            .unwrap()
            .modified()
            .unwrap();

        prepare(&home, written + LESS_THAN_A_MINUTE).unwrap();
        assert!(home.root().join(ours).exists(), "it may still be in use");
        prepare(&home, written + Duration::from_secs(61)).unwrap();
        assert!(!home.root().join(ours).exists());
        for name in foreign {
            assert!(home.root().join(name).exists(), "{name}");
        }
        for path in [
            home.router_dir(),
            home.profiles_dir(),
            home.locks_dir(),
            home.backups_dir(),
            home.displaced_dir(),
        ] {
            assert_eq!(mode_of(&path), 0o700, "{path:?}");
        }
    }

    #[test]
    fn what_a_killed_process_left_in_the_trash_goes_unless_it_is_the_newest_login() {
        use crate::store::testing::login;
        let home = TestHome::new();
        home.profile("work", &login("ana", 2));
        let trash = home.trash_dir();
        std::fs::create_dir_all(&trash).unwrap();
        std::fs::rename(home.profiles_dir().join("work"), trash.join("work-1")).unwrap();
        let left = |number: u64| {
            let path = trash.join(format!("work-1/.auth.json.{number:016x}.tmp"));
            std::fs::write(&path, login("ana", number).to_bytes()).unwrap();
            path
        };
        let (older, newer) = (left(1), left(3));
        let written = newer.metadata().unwrap().modified().unwrap();
        prepare(&home, written + Duration::from_secs(61)).unwrap();
        assert!(newer.exists() && !older.exists());
    }

    #[test]
    fn a_copy_for_the_live_file_is_a_leftover_even_where_it_is_newer() {
        use crate::store::testing::login;
        let home = TestHome::new();
        home.live(&login("ana", 1));
        let copy = home.root().join(".auth.json.0123456789abcdef.tmp");
        std::fs::write(&copy, login("ana", 2).to_bytes()).unwrap();
        let written = copy.metadata().unwrap().modified().unwrap();
        prepare(&home, written + Duration::from_secs(61)).unwrap();
        assert!(!copy.exists(), "its profile has been written before");
    }

    const LESS_THAN_A_MINUTE: Duration = Duration::from_secs(59);
}
