// The AI SDK of Vercel against a running router: vercel_ai.mjs ROOT CHECK
//
// Prints `CHECK: ok`. Behind the router is the simulator with two accounts: `empty`, out of usage, and `spare`.

import assert from "node:assert/strict";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const quiet = { maxRetries: 0 };

/// One model for each of the three ways this library has to speak to us, and the text the accounts answer with.
function models(root) {
  const baseURL = `${root}/v1`;
  const apiKey = "unused";
  const compatible = { name: "codex-router", baseURL, apiKey, includeUsage: true, supportsStructuredOutputs: true };
  return {
    responses: createOpenAI({ baseURL, apiKey })("gpt-5.4"),
    chat: createOpenAICompatible(compatible)("gpt-5.4"),
    messages: createAnthropic({ baseURL, apiKey })("claude-sonnet-4-5"),
  };
}

async function text(model) {
  const whole = await generateText({ ...quiet, model, prompt: "good morning" });
  assert.match(whole.text, /^Hello from spare \(.*good morning$/s);
  assert.equal(whole.finishReason, "stop");
  assert.ok(whole.usage.inputTokens > 0 && whole.usage.outputTokens > 0, JSON.stringify(whole.usage));

  const streamed = streamText({ ...quiet, model, prompt: "good morning" });
  const pieces = [];
  for await (const piece of streamed.textStream) pieces.push(piece);
  assert.ok(pieces.length > 1, `${pieces}`);
  assert.equal(pieces.join(""), whole.text);
  assert.equal(await streamed.finishReason, "stop");
  assert.equal((await streamed.usage).outputTokens, whole.usage.outputTokens);
}

async function tools(model) {
  for (const make of [generateText, streamText]) {
    const cities = [];
    const weather = tool({
      description: "The weather in a city",
      inputSchema: z.object({ city: z.string() }),
      execute: async ({ city }) => {
        cities.push(city);
        return "sunny, 21 degrees";
      },
    });
    const made = await make({
      ...quiet,
      model,
      prompt: "please use the tool",
      tools: { weather },
      stopWhen: stepCountIs(3),
    });
    assert.match(await made.text, /sunny, 21 degrees/);
    assert.equal((await made.steps).length, 2);
    assert.equal(cities.length, 1);
    assert.equal(typeof cities[0], "string");
  }
}

async function object(model) {
  const schema = z.object({ city: z.string(), days: z.int() });
  const made = await generateObject({ ...quiet, model, schema, prompt: "a trip, please" });
  assert.ok(schema.safeParse(made.object).success, JSON.stringify(made.object));
}

async function refused(model) {
  await assert.rejects(generateText({ model, prompt: "hello", maxRetries: 0 }), (error) => {
    assert.ok(APICallError.isInstance(error), `${error}`);
    assert.equal(error.statusCode, 429);
    assert.ok(Number(error.responseHeaders["retry-after"]) > 0);
    return true;
  });
}

const CHECKS = { text, tools, object, refused };

const [root, wanted] = process.argv.slice(2);
for (const [way, model] of Object.entries(models(root))) {
  try {
    await CHECKS[wanted](model);
  } catch (error) {
    throw new Error(`${wanted} by ${way}`, { cause: error });
  }
}
console.log(`${wanted}: ok`);
