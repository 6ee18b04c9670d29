// The official Anthropic SDK for Node, unchanged, against a channel of any kind.

import { ADAPTIVE, call, equal, FORTY, KEY, KIND, load, LOCATION, MODEL, ok, PLAIN, PNG, raised, run, script, SEEN_PNG, TEXT, URL } from "./kit.mjs";

const Anthropic = load("@anthropic-ai/sdk");
const { zodOutputFormat } = load("@anthropic-ai/sdk/helpers/zod");
const { betaZodTool } = load("@anthropic-ai/sdk/helpers/beta/zod");
const { z } = load("zod");

const NATIVE = KIND === "claude";
const client = new Anthropic({ apiKey: KEY, baseURL: URL, maxRetries: 0, timeout: 120_000 });
const tools = [{ name: "weather", description: "The weather somewhere", input_schema: LOCATION }];
const body = (...lines) => ({ model: MODEL, max_tokens: 4000, messages: [{ role: "user", content: script(...lines) }] });
const textOf = (message) => message.content.map((block) => (block.type === "text" ? block.text : "")).join("");
const usageOf = ({ usage }) => [usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens, usage.output_tokens];
const USAGE = [100, 40, 20, 30];

await run({
  async a_whole_answer() {
    const message = await client.messages.create(body(`say ${TEXT}`));
    equal([textOf(message), message.stop_reason, message.model, usageOf(message)], [TEXT, "end_turn", MODEL, USAGE]);
  },

  async a_streamed_answer() {
    const heard = [];
    const stream = client.messages.stream(body(`say ${TEXT}`)).on("text", (text) => heard.push(text));
    const message = await stream.finalMessage();
    equal([heard.join(""), textOf(message), usageOf(message)], [TEXT, TEXT, USAGE]);
  },

  async tools_are_called_and_answered() {
    const asked = { ...body("say Looking.", call("weather", { location: "Paris" }), call("weather", { location: "Rome" }), "---", "report"), tools };
    for (const message of [await client.messages.create(asked), await client.messages.stream(asked).finalMessage()]) {
      equal(message.stop_reason, "tool_use");
      const calls = message.content.filter((block) => block.type === "tool_use");
      equal(calls.map((one) => one.input.location), ["Paris", "Rome"]);
      const content = calls.map((one) => ({ type: "tool_result", tool_use_id: one.id, content: "rain" }));
      const messages = [...asked.messages, { role: "assistant", content: message.content }, { role: "user", content }];
      equal(textOf(await client.messages.create({ ...asked, messages })), "The tool said: rain | rain");
    }
  },

  async the_tool_runner() {
    const asked = [];
    const weather = betaZodTool({
      name: "weather",
      description: "The weather somewhere",
      inputSchema: z.object({ location: z.string(), unit: z.enum(["celsius", "kelvin"]).optional() }),
      run: ({ location }) => (asked.push(location), `rain in ${location}`),
    });
    const lines = [call("weather", { location: "Paris" }), "---", call("weather", { location: "Rome", unit: "kelvin" }), "---", "report"];
    equal(textOf(await client.beta.messages.toolRunner({ ...body(...lines), tools: [weather] }).runUntilDone()), "The tool said: rain in Rome");
    equal(asked, ["Paris", "Rome"]);
    let last;
    for await (const stream of client.beta.messages.toolRunner({ ...body(...lines), tools: [weather], stream: true })) last = await stream.finalMessage();
    equal(textOf(last), "The tool said: rain in Rome");
  },

  async structured_output() {
    const Town = z.object({ name: z.string(), people: z.number(), rivers: z.array(z.string()) });
    const format = { output_config: { format: zodOutputFormat(Town) } };
    equal((await client.messages.parse({ ...body("json"), ...format })).parsed_output, { name: "word", people: 1.5, rivers: ["word"] });
    equal((await client.messages.stream({ ...body("json"), ...format }).finalMessage()).parsed_output.rivers, ["word"]);
  },

  async pictures() {
    const content = [
      { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } },
      { type: "text", text: script("describe") },
    ];
    equal(textOf(await client.messages.create({ ...body(), messages: [{ role: "user", content }] })), `I see ${SEEN_PNG}`);
  },

  async thinking_with_tools() {
    for (const [model, thinking] of [[MODEL, { type: "enabled", budget_tokens: 2000 }], [ADAPTIVE, { type: "adaptive", display: "summarized" }]]) {
      const asked = { ...body("think I must look.", call("weather", { location: "Paris" }), "---", "report"), model, thinking, tools };
      const message = await client.messages.stream(asked).finalMessage();
      const thought = message.content.find((block) => block.type === "thinking");
      ok(KIND === "chat" ? !thought : thought.thinking === "I must look." && thought.signature);
      const [one] = message.content.filter((block) => block.type === "tool_use");
      const content = [{ type: "tool_result", tool_use_id: one.id, content: "rain" }];
      const messages = [...asked.messages, { role: "assistant", content: message.content }, { role: "user", content }];
      equal(textOf(await client.messages.create({ ...asked, messages })), "The tool said: rain");
    }
  },

  async where_it_stops() {
    equal((await client.messages.create({ ...body(`say ${FORTY}`), max_tokens: 20 })).stop_reason, "max_tokens");
    const stops = { ...body(`say ${FORTY}`), model: PLAIN, stop_sequences: ["word3"] };
    equal(textOf(await client.messages.create(stops)), "word0 word1 word2 ");
  },

  async errors_are_told() {
    for (const [status, kind] of [[400, Anthropic.BadRequestError], [422, Anthropic.UnprocessableEntityError], [429, Anthropic.RateLimitError], [500, Anthropic.InternalServerError]]) {
      const error = await raised(kind, client.messages.create(body(`fail ${status} the provider's own words`)));
      ok(status >= 429 || error.message.includes("the provider's own words"), error.message);
    }
  },

  async streams_that_break() {
    for (const order of ["break", "streamfail the provider's own words"]) {
      const heard = [];
      const stream = client.messages.stream(body("say One two three.", order)).on("text", (text) => heard.push(text));
      await stream.finalMessage().then(
        () => ok(false, `${order}: taken for a whole answer`),
        (error) => ok(error instanceof Anthropic.APIError, `${error}`),
      );
      equal(heard.join(""), "One two three.");
    }
  },

  async however_events_are_written() {
    for (const order of ["crlf", "nospace", "comments", "dribble", "joined", "endless"]) {
      const message = await client.messages.stream({ ...body(`sse ${order}`, `say ${TEXT}`, call("weather", { location: TEXT })), tools }).finalMessage();
      equal([textOf(message), message.content[1].input], [TEXT, { location: TEXT }]);
    }
  },

  async tokens_and_models() {
    const { input_tokens } = await client.messages.countTokens({ model: MODEL, messages: body("say Hi.").messages, tools });
    ok(NATIVE ? input_tokens === 123 : input_tokens > 10, `${input_tokens}`);
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    ok(names.includes(MODEL), `${names}`);
  },
});
