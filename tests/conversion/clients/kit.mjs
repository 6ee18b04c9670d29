// What the Node clients share: where the gateway is, which models reach which channel, scripts for the provider.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { deflateSync } from "node:zlib";

/** The SDKs stand in a folder of the test run, not beside this file. */
export const load = createRequire(`${process.env.SDK_NODE_MODULES}/`);

export const { GATEWAY_URL: URL, GATEWAY_KEY: KEY, CHANNEL_KIND: KIND, PROVIDER_URL: PROVIDER } = process.env;
export const { thinks: MODEL, plain: PLAIN, adapts: ADAPTIVE } = JSON.parse(process.env.MODELS);
export const LOCATION = { type: "object", properties: { location: { type: "string" } }, required: ["location"], additionalProperties: false };
export const TEXT = "Good day to you.\u2028And \u201call\u201d that, caf\u00e9 \u{1f600}.";
export const FORTY = Array.from({ length: 40 }, (_, number) => `word${number}`).join(" ");
export const equal = assert.deepEqual;
export const ok = assert.ok;

/** A prompt that tells the provider what to answer; `---` begins the next turn. */
export const script = (...lines) => `\n<<<\n${lines.join("\n")}\n>>>`;
export const call = (tool, args = {}) => `call ${tool} ${JSON.stringify(args)}`;

function crc(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  return (sum ^ 0xffffffff) >>> 0;
}

function chunk(kind, data) {
  const body = Buffer.concat([Buffer.from(kind), data]);
  const numbers = Buffer.alloc(8);
  numbers.writeUInt32BE(data.length, 0);
  numbers.writeUInt32BE(crc(body), 4);
  return Buffer.concat([numbers.subarray(0, 4), body, numbers.subarray(4)]);
}

const picture = Buffer.concat([
  Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
  chunk("IHDR", Buffer.from([0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0])),
  chunk("IDAT", deflateSync(Buffer.from([0, 255, 0, 0]))),
  chunk("IEND", Buffer.alloc(0)),
]);
/** A picture of one red point, and how the provider tells of it. */
export const PNG = picture.toString("base64");
export const SEEN_PNG = `image/png ${picture.length} bytes`;

/** The error that the promise must end in, of exactly this class. */
export async function raised(kind, promise) {
  try {
    await promise;
  } catch (error) {
    assert.equal(error.constructor.name, kind.name, `${error}`);
    return error;
  }
  throw new Error(`expected ${kind.name}, but the call went through`);
}

/** Bodies that reached the provider, in order. */
export async function sent() {
  const requests = await (await fetch(`${PROVIDER}/requests`)).json();
  return requests.map((request) => request.body);
}

/** Runs all cases, or those named; every failure is told. */
export async function run(cases) {
  const wanted = process.argv.slice(2);
  let failed = 0;
  for (const [name, one] of Object.entries(cases)) {
    if (wanted.length && !wanted.includes(name)) continue;
    try {
      await one();
    } catch (error) {
      failed += 1;
      console.log(`--- ${name}\n${error.stack?.split("\n").slice(0, 30).join("\n")}`);
    }
  }
  console.log(`${Object.keys(cases).length} cases, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}
