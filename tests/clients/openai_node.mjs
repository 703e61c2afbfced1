// The openai package for Node against a running router: openai_node.mjs ROOT CHECK
//
// Prints `CHECK: ok`. Behind the router is the simulator with two accounts: `empty`, out of usage, and `spare`; for what
// only API keys open, with a key beside them.

import assert from "node:assert/strict";
import OpenAI, { AzureOpenAI } from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

const MODEL = "gpt-5.4";
const PARAMETERS = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const DESCRIPTION = "The weather in a city";
const Trip = z.object({ city: z.string(), days: z.int() });

const ask = (text) => [{ role: "user", content: text }];

async function chat(client) {
  const messages = ask("good morning");
  const whole = await client.chat.completions.create({ model: MODEL, messages });
  const [choice] = whole.choices;
  assert.match(choice.message.content, /^Hello from spare \(.*good morning$/s);
  assert.equal(choice.finish_reason, "stop");
  assert.equal(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens);

  const chunks = [];
  for await (const chunk of await client.chat.completions.create({
    model: MODEL,
    messages,
    stream: true,
    stream_options: { include_usage: true },
  })) {
    chunks.push(chunk);
  }
  const pieces = chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.delta.content ?? ""));
  assert.ok(pieces.filter(Boolean).length > 1, `${pieces}`);
  assert.equal(pieces.join(""), choice.message.content);
  assert.deepEqual(chunks.at(-1).choices, []);
  assert.equal(chunks.at(-1).usage.completion_tokens, whole.usage.completion_tokens);

  const helper = client.chat.completions.stream({ model: MODEL, messages });
  assert.equal(await helper.finalContent(), choice.message.content);
  assert.equal((await helper.finalChatCompletion()).choices[0].finish_reason, "stop");
}

async function parsed(client) {
  const chat = await client.chat.completions.parse({
    model: MODEL,
    messages: ask("a trip, please"),
    response_format: zodResponseFormat(Trip, "trip"),
  });
  const trip = chat.choices[0].message.parsed;
  assert.ok(Trip.safeParse(trip).success, JSON.stringify(chat));
  const response = await client.responses.parse({
    model: MODEL,
    input: "a trip, please",
    text: { format: zodTextFormat(Trip, "trip") },
  });
  assert.deepEqual(response.output_parsed, trip);
}

async function tools(client) {
  const cities = [];
  const tool = {
    type: "function",
    function: {
      name: "weather",
      description: DESCRIPTION,
      parameters: PARAMETERS,
      parse: JSON.parse,
      function: ({ city }) => {
        cities.push(city);
        return "sunny, 21 degrees";
      },
    },
  };
  for (const stream of [false, true]) {
    const runner = client.chat.completions.runTools({
      model: MODEL,
      messages: ask("please use the tool"),
      tools: [tool],
      stream,
    });
    assert.match(await runner.finalContent(), /sunny, 21 degrees/);
    const calls = runner.messages.flatMap((message) => message.tool_calls ?? []);
    assert.equal(calls.length, 1);
    assert.equal(calls[0].function.name, "weather");
  }
  assert.equal(cities.length, 2);
  assert.equal(typeof cities[0], "string");
  assert.equal(cities[0], cities[1]);
}

async function responses(client) {
  const stream = client.responses.stream({ model: MODEL, input: "good evening" });
  const kinds = [];
  let text = "";
  for await (const event of stream) {
    kinds.push(event.type);
    if (event.type === "response.output_text.delta") text += event.delta;
  }
  assert.match(text, /^Hello from spare \(.*good evening$/s);
  assert.equal(kinds[0], "response.created");
  assert.equal(kinds.at(-1), "response.completed");
  assert.deepEqual(kinds.filter((kind) => kind.startsWith("codex.")), []);
  const final = await stream.finalResponse();
  assert.equal(final.output_text, text);
  assert.equal(final.status, "completed");
  assert.ok(final.usage.output_tokens > 0);

  const whole = await client.responses.create({ model: MODEL, input: "good evening" });
  assert.equal(whole.output_text, text);
}

async function responsesTool(client) {
  const tools = [{ type: "function", name: "weather", description: DESCRIPTION, parameters: PARAMETERS, strict: true }];
  const input = ask("please use the tool");
  const stream = client.responses.stream({ model: MODEL, input, tools });
  let pieces = "";
  stream.on("response.function_call_arguments.delta", (event) => (pieces += event.delta));
  const asked = await stream.finalResponse();
  const [call] = asked.output.filter((item) => item.type === "function_call");
  assert.equal(call.name, "weather");
  assert.equal(call.arguments, pieces);
  assert.equal(typeof JSON.parse(pieces).city, "string");

  input.push(...asked.output.map(({ parsed_arguments, ...item }) => item));
  input.push({ type: "function_call_output", call_id: call.call_id, output: "sunny, 21 degrees" });
  const answered = await client.responses.create({ model: MODEL, input, tools });
  assert.match(answered.output_text, /sunny, 21 degrees/);
}

async function embeddings(client) {
  // Base64 on the wire unless floats are asked for.
  for (const encoding_format of [undefined, "float", "base64"]) {
    const made = await client.embeddings.create({ model: "text-embedding-3-small", input: ["a"], encoding_format });
    const vector = made.data[0].embedding;
    if (encoding_format === "base64") assert.equal(typeof vector, "string");
    else assert.deepEqual(vector, [0.25, -0.5, 1]);
  }
}

async function azure(client) {
  const endpoint = client.baseURL.replace(/\/v1$/, "");
  const deployed = new AzureOpenAI({ endpoint, apiKey: "unused", apiVersion: "2024-10-21", deployment: MODEL, maxRetries: 0 });
  const whole = await deployed.chat.completions.create({ model: "any-name", messages: ask("good morning") });
  assert.equal(whole.model, MODEL);
  assert.match(whole.choices[0].message.content, /good morning$/);
}

async function models(client) {
  const listed = [];
  for await (const model of client.models.list()) listed.push(model.id);
  assert.ok(listed.includes(MODEL), `${listed}`);
  assert.equal((await client.models.retrieve(MODEL)).id, MODEL);
}

async function errors(client) {
  const create = (more) => client.chat.completions.create({ model: MODEL, messages: ask("hello"), ...more });
  await assert.rejects(create({ n: 2 }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError, `${error}`);
    assert.equal(error.param, "n");
    assert.equal(error.type, "invalid_request_error");
    assert.ok(error.requestID);
    return true;
  });
  await assert.rejects(client.models.retrieve("no-such-model"), OpenAI.NotFoundError);
  await assert.rejects(client.fineTuning.jobs.list(), OpenAI.NotFoundError);
}

async function rateLimit(client) {
  const sent = [];
  const patient = client.withOptions({
    maxRetries: 2,
    fetch: (...request) => {
      sent.push(request);
      return fetch(...request);
    },
  });
  await assert.rejects(patient.responses.create({ model: MODEL, input: "hello" }), (error) => {
    assert.ok(error instanceof OpenAI.RateLimitError, `${error}`);
    assert.equal(error.type, "usage_limit_reached");
    assert.ok(error.error.resets_in_seconds > 0);
    return true;
  });
  // Nobody waits a quarter of an hour: it is said at once.
  assert.equal(sent.length, 1);
}

const CHECKS = { chat, parsed, tools, responses, responsesTool, embeddings, azure, models, errors, rateLimit };

const [root, wanted] = process.argv.slice(2);
await CHECKS[wanted](new OpenAI({ baseURL: `${root}/v1`, apiKey: "unused", timeout: 60_000, maxRetries: 0 }));
console.log(`${wanted}: ok`);
