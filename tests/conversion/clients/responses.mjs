// The official OpenAI SDK for Node, unchanged: Responses against a channel of any kind.

import { call, equal, FORTY, KEY, KIND, load, LOCATION, MODEL, ok, PNG, raised, run, script, SEEN_PNG, TEXT, URL } from "./kit.mjs";

const OpenAI = load("openai");
const { zodResponsesFunction, zodTextFormat } = load("openai/helpers/zod");
const { z } = load("zod");

const client = new OpenAI({ apiKey: KEY, baseURL: `${URL}/v1`, maxRetries: 0, timeout: 120_000 });
const tools = [{ type: "function", name: "weather", description: "The weather somewhere", parameters: LOCATION, strict: true }];
const body = (...lines) => ({ model: MODEL, input: [{ role: "user", content: script(...lines) }] });
const usageOf = ({ usage }) => [usage.input_tokens, usage.output_tokens, usage.input_tokens_details.cached_tokens];
const USAGE = [160, 30, 40];
const callsOf = (response) => response.output.filter((item) => item.type === "function_call");
// What a client sends back of an answer: the items, without what its own helpers added.
const sentBack = (response) => response.output.map(({ parsed_arguments, ...item }) =>
  item.content ? { ...item, content: item.content.map(({ parsed, ...part }) => part) } : item);
const results = (response) => callsOf(response).map((one) => ({ type: "function_call_output", call_id: one.call_id, output: "rain" }));

await run({
  async a_whole_answer() {
    const response = await client.responses.create(body(`say ${TEXT}`));
    equal([response.output_text, response.status, response.model, usageOf(response)], [TEXT, "completed", MODEL, USAGE]);
  },

  async a_streamed_answer() {
    const heard = [];
    const stream = client.responses.stream(body(`say ${TEXT}`)).on("response.output_text.delta", (event) => heard.push(event.delta));
    const response = await stream.finalResponse();
    equal([heard.join(""), response.output_text, usageOf(response)], [TEXT, TEXT, USAGE]);
  },

  async tools_are_called_and_answered() {
    const asked = { ...body("say Looking.", call("weather", { location: "Paris" }), call("weather", { location: "Rome" }), "---", "report"), tools };
    for (const response of [await client.responses.create(asked), await client.responses.stream(asked).finalResponse()]) {
      equal(response.output.map((item) => item.type), ["message", "function_call", "function_call"]);
      equal(callsOf(response).map((one) => JSON.parse(one.arguments).location), ["Paris", "Rome"]);
      const input = [...asked.input, ...sentBack(response), ...results(response)];
      equal((await client.responses.create({ ...asked, input })).output_text, "The tool said: rain | rain");
    }
  },

  async structured_output() {
    const Town = z.object({ name: z.string(), people: z.number(), rivers: z.array(z.string()), note: z.string().nullable() });
    const asked = { ...body("json"), text: { format: zodTextFormat(Town, "town") } };
    equal((await client.responses.parse(asked)).output_parsed.rivers, ["word"]);
    equal((await client.responses.stream(asked).finalResponse()).output_parsed.people, 1.5);
    const tool = zodResponsesFunction({ name: "weather", parameters: z.object({ location: z.string() }) });
    const response = await client.responses.parse({ ...body(call("weather", { location: "Paris" })), tools: [tool] });
    equal(callsOf(response)[0].parsed_arguments, { location: "Paris" });
  },

  async pictures() {
    const content = [
      { type: "input_image", image_url: `data:image/png;base64,${PNG}`, detail: "auto" },
      { type: "input_text", text: script("describe") },
    ];
    equal((await client.responses.create({ model: MODEL, input: [{ role: "user", content }] })).output_text, `I see ${SEEN_PNG}`);
  },

  async reasoning_with_tools() {
    const sealed = { include: ["reasoning.encrypted_content"], reasoning: { effort: "high", summary: "auto" }, store: false };
    const asked = { ...body("think I must look.", call("weather", { location: "Paris" }), "---", "report"), tools, ...sealed };
    const response = await client.responses.stream(asked).finalResponse();
    const [thought] = response.output.filter((item) => item.type === "reasoning");
    ok(KIND === "chat" ? !thought : thought.summary[0].text === "I must look." && thought.encrypted_content);
    const input = [...asked.input, ...sentBack(response), ...results(response)];
    equal((await client.responses.create({ ...asked, input })).output_text, "The tool said: rain");
  },

  async where_it_stops() {
    const response = await client.responses.create({ ...body(`say ${FORTY}`), max_output_tokens: 20 });
    equal([response.status, response.incomplete_details.reason], ["incomplete", "max_output_tokens"]);
  },

  async errors_are_told() {
    for (const [status, kind] of [[400, OpenAI.BadRequestError], [422, OpenAI.UnprocessableEntityError], [429, OpenAI.RateLimitError], [500, OpenAI.InternalServerError]]) {
      const error = await raised(kind, client.responses.create(body(`fail ${status} the provider's own words`)));
      ok(status >= 429 || error.message.includes("the provider's own words"), error.message);
    }
  },

  async streams_that_break() {
    for (const order of ["break", "streamfail the provider's own words"]) {
      const heard = [];
      const kinds = [];
      try {
        for await (const event of await client.responses.create({ ...body("say One two three.", order), stream: true })) {
          kinds.push(event.type);
          if (event.type === "response.output_text.delta") heard.push(event.delta);
        }
        ok(["response.failed", "error"].includes(kinds.at(-1)), kinds.at(-1));
      } catch (error) {
        ok(error instanceof OpenAI.APIError, `${error}`);
      }
      equal(heard.join(""), "One two three.");
    }
  },

  async however_events_are_written() {
    for (const order of ["crlf", "nospace", "comments", "dribble", "joined", "endless"]) {
      const asked = { ...body(`sse ${order}`, `say ${TEXT}`, call("weather", { location: TEXT })), tools };
      const response = await client.responses.stream(asked).finalResponse();
      equal([response.output_text, JSON.parse(callsOf(response)[0].arguments)], [TEXT, { location: TEXT }]);
    }
  },

  async models_are_listed() {
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    ok(names.includes(MODEL), `${names}`);
  },
});
