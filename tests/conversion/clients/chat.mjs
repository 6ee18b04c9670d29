// The official OpenAI SDK for Node, unchanged: Chat Completions against a channel of any kind.

import { call, equal, FORTY, KEY, KIND, load, LOCATION, MODEL, ok, PLAIN, PNG, raised, run, script, SEEN_PNG, TEXT, URL } from "./kit.mjs";

const OpenAI = load("openai");
const { zodFunction, zodResponseFormat } = load("openai/helpers/zod");
const { z } = load("zod");

const client = new OpenAI({ apiKey: KEY, baseURL: `${URL}/v1`, maxRetries: 0, timeout: 120_000 });
const tools = [{ type: "function", function: { name: "weather", description: "The weather somewhere", parameters: LOCATION, strict: true } }];
const body = (...lines) => ({ model: MODEL, messages: [{ role: "user", content: script(...lines) }] });
const usageOf = ({ usage }) => [usage.prompt_tokens, usage.completion_tokens, usage.prompt_tokens_details.cached_tokens];
const USAGE = [160, 30, 40];
const ask = (asked) => client.chat.completions.create(asked);
const hear = (asked) => client.chat.completions.stream(asked);

await run({
  async a_whole_answer() {
    const completion = await ask(body(`say ${TEXT}`));
    const [choice] = completion.choices;
    equal([choice.message.content, choice.finish_reason, completion.model, usageOf(completion)], [TEXT, "stop", MODEL, USAGE]);
  },

  async a_streamed_answer() {
    const heard = [];
    const stream = hear({ ...body(`say ${TEXT}`), stream_options: { include_usage: true } }).on("content", (text) => heard.push(text));
    const completion = await stream.finalChatCompletion();
    equal([heard.join(""), completion.choices[0].message.content, usageOf(completion)], [TEXT, TEXT, USAGE]);
  },

  async tools_are_called_and_answered() {
    const asked = { ...body("say Looking.", call("weather", { location: "Paris" }), call("weather", { location: "Rome" }), "---", "report"), tools };
    for (const completion of [await ask(asked), await hear(asked).finalChatCompletion()]) {
      const [{ message, finish_reason }] = completion.choices;
      equal([message.content, finish_reason], ["Looking.", "tool_calls"]);
      equal(message.tool_calls.map((one) => JSON.parse(one.function.arguments).location), ["Paris", "Rome"]);
      const calls = message.tool_calls.map(({ id, type, function: { name, arguments: args } }) => ({ id, type, function: { name, arguments: args } }));
      const results = calls.map((one) => ({ role: "tool", tool_call_id: one.id, content: "rain" }));
      const messages = [...asked.messages, { role: "assistant", content: message.content, tool_calls: calls }, ...results];
      equal((await ask({ ...asked, messages })).choices[0].message.content, "The tool said: rain | rain");
    }
  },

  async the_tool_runner() {
    for (const stream of [false, true]) {
      const asked = [];
      const weather = {
        type: "function",
        function: {
          name: "weather",
          description: "The weather somewhere",
          parameters: LOCATION,
          parse: JSON.parse,
          function: ({ location }) => (asked.push(location), `rain in ${location}`),
        },
      };
      const lines = [call("weather", { location: "Paris" }), "---", call("weather", { location: "Rome" }), "---", "report"];
      const runner = client.chat.completions.runTools({ ...body(...lines), tools: [weather], stream });
      equal(await runner.finalContent(), "The tool said: rain in Rome");
      equal(asked, ["Paris", "Rome"]);
    }
  },

  async structured_output() {
    const Town = z.object({ name: z.string(), people: z.number(), rivers: z.array(z.string()), note: z.string().nullable() });
    const asked = { ...body("json"), response_format: zodResponseFormat(Town, "town") };
    for (const completion of [await client.chat.completions.parse(asked), await hear(asked).finalChatCompletion()]) {
      equal(completion.choices[0].message.parsed.rivers, ["word"]);
    }
    const tool = zodFunction({ name: "weather", parameters: z.object({ location: z.string() }) });
    const completion = await client.chat.completions.parse({ ...body(call("weather", { location: "Paris" })), tools: [tool] });
    equal(completion.choices[0].message.tool_calls[0].function.parsed_arguments, { location: "Paris" });
  },

  async pictures() {
    const content = [
      { type: "image_url", image_url: { url: `data:image/png;base64,${PNG}` } },
      { type: "text", text: script("describe") },
    ];
    equal((await ask({ model: MODEL, messages: [{ role: "user", content }] })).choices[0].message.content, `I see ${SEEN_PNG}`);
  },

  async thinking_with_tools() {
    const asked = { ...body("think I must look.", call("weather", { location: "Paris" }), "---", "report"), tools, reasoning_effort: "high" };
    const { message } = (await ask(asked)).choices[0];
    const messages = [...asked.messages, message, { role: "tool", tool_call_id: message.tool_calls[0].id, content: "rain" }];
    // The SDK's own answer goes back as it came; the API refuses two of its fields.
    const { refusal, annotations, ...said } = message;
    messages[1] = said;
    equal((await ask({ ...asked, messages })).choices[0].message.content, "The tool said: rain");
  },

  async where_it_stops() {
    equal((await ask({ ...body(`say ${FORTY}`), max_completion_tokens: 20 })).choices[0].finish_reason, "length");
    const stops = { ...body(`say ${FORTY}`), model: PLAIN, stop: "word3" };
    equal((await ask(stops)).choices[0].message.content, "word0 word1 word2 ");
  },

  async errors_are_told() {
    for (const [status, kind] of [[400, OpenAI.BadRequestError], [422, OpenAI.UnprocessableEntityError], [429, OpenAI.RateLimitError], [500, OpenAI.InternalServerError]]) {
      const error = await raised(kind, ask(body(`fail ${status} the provider's own words`)));
      ok(status >= 429 || error.message.includes("the provider's own words"), error.message);
    }
  },

  async streams_that_break() {
    for (const order of ["break", "streamfail the provider's own words"]) {
      const heard = [];
      const stream = hear(body("say One two three.", order)).on("content", (text) => heard.push(text));
      await stream.finalChatCompletion().then(
        () => ok(false, `${order}: taken for a whole answer`),
        (error) => ok(error instanceof OpenAI.OpenAIError, `${error}`),
      );
      equal(heard.join(""), "One two three.");
    }
  },

  async however_events_are_written() {
    for (const order of ["crlf", "nospace", "comments", "dribble", "joined", "endless"]) {
      const asked = { ...body(`sse ${order}`, `say ${TEXT}`, call("weather", { location: TEXT })), tools };
      const { message } = (await hear(asked).finalChatCompletion()).choices[0];
      equal([message.content, JSON.parse(message.tool_calls[0].function.arguments)], [TEXT, { location: TEXT }]);
    }
  },

  async models_are_listed() {
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    ok(names.includes(MODEL), `${names}`);
  },
});
