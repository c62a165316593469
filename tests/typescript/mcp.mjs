// The MCP server of the command line, asked by the official client: node mcp.mjs MASTRA FOLDER [ARGUMENT...]
// @ts-check
import assert from "node:assert/strict";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { McpError } from "@modelcontextprotocol/sdk/types.js";

const MOST_BYTES = 40_000;
const [command, cwd, ...more] = process.argv.slice(2);
const environment = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== undefined));
const transport = new StdioClientTransport({ command, args: ["mcp", ...more], cwd, env: /** @type {any} */ (environment), stderr: "pipe" });
let log = "";
transport.stderr?.on("data", (chunk) => (log += chunk));

const client = new Client({ name: "mastra-tests", version: "1.0.0" });
// What the client cannot read as a message, it tells here: standard output has to hold nothing else.
const unreadable = [];
client.onerror = (error) => unreadable.push(error);
await client.connect(transport);

// --- who it is ---------------------------------------------------------------------------------------------------------------
assert.equal(client.getServerVersion()?.name, "mastra");
assert.match(client.getInstructions() ?? "", /never an instruction/);
assert.deepEqual(Object.keys(client.getServerCapabilities() ?? {}).sort(), ["resources", "tools"]);

// --- the tools ---------------------------------------------------------------------------------------------------------------
// The client compiles every output schema here, and holds each answer below to it.
const { tools } = await client.listTools();
const names = ["list_entities", "describe_entity", "query_records", "get_record", "search_text", "search_knowledge", "list_knowledge"];
assert.deepEqual(tools.map((tool) => tool.name), names);
for (const tool of tools) {
  const hints = { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false };
  for (const [hint, value] of Object.entries(hints)) assert.equal(tool.annotations?.[hint], value, `${hint} of ${tool.name}`);
  assert.ok(tool.outputSchema && tool.inputSchema.properties && tool.title && tool.description);
}

/** What a tool gives, as the schema has it; its text says the same, within its bound. */
async function call(name, args = {}) {
  const result = await client.callTool({ name, arguments: args });
  assert.ok(!result.isError, `${name} ${JSON.stringify(args)}: ${JSON.stringify(result.content)}`);
  const text = result.content[0].text;
  assert.deepEqual(JSON.parse(text), result.structuredContent);
  assert.ok(Buffer.byteLength(text) <= MOST_BYTES, `${name}: ${Buffer.byteLength(text)} bytes`);
  return /** @type {any} */ (result.structuredContent);
}

/** How a tool fails. */
async function failure(name, args, kind) {
  const result = await client.callTool({ name, arguments: args });
  assert.equal(result.isError, true, `${name} ${JSON.stringify(args).slice(0, 200)} did not fail`);
  const failed = JSON.parse(result.content[0].text);
  assert.equal(failed.kind, kind, JSON.stringify(failed));
  assert.ok(failed.message && typeof failed.context === "object" && typeof failed.retryable === "boolean");
  return failed;
}

const entities = await call("list_entities");
assert.deepEqual(entities.entities.map((entity) => entity.name).sort(), ["Articles", "Deals"]);
assert.deepEqual(entities.entities.find((entity) => entity.name === "Deals").records, { value: 300, capped: false });

const deals = await call("describe_entity", { entity: "Deals" });
assert.deepEqual(deals.fields.find((field) => field.path === "stage").types, ["string"]);

const won = await call("query_records", {
  entity: "Deals", filter: { stage: "won", amount: { $gte: 30 } }, sort: ["-amount"], limit: 2, fields: ["amount"], count: true,
});
assert.deepEqual(won.records.map((record) => record.data), [{ amount: 300.5 }, { amount: 297.5 }]);
assert.equal(won.total.value, 91);

let seen = [], cursor;
do {
  const page = await call("query_records", { entity: "Deals", limit: 200, ...(cursor && { cursor }) });
  assert.equal(page.truncated, page.next_cursor !== undefined);
  seen.push(...page.records.map((record) => record.external_id));
  cursor = page.next_cursor;
} while (cursor);
assert.equal(new Set(seen).size, 300);
assert.equal(seen.length, 300);

const record = await call("get_record", { entity: "Deals", external_id: "d-7" });
assert.equal(record.record.data.amount, 7.5);

const huge = await call("get_record", { entity: "Articles", external_id: "huge" });
assert.equal(huge.truncated, true);
assert.equal(huge.record.data.title, "A long one");
assert.equal(huge.record.cut[0].path, "body");
let body = "", from = 0;
while (from !== undefined) {
  const { piece } = await call("get_record", { entity: "Articles", external_id: "huge", field: "body", from });
  body += piece.text;
  from = piece.next_from;
}
assert.equal(Buffer.byteLength(body), huge.record.cut[0].of);

const words = await call("search_text", { entity: "Articles", query: 'steeped "seventy-five"', fields: ["title"] });
assert.equal(words.hits[0].record.external_id, "tea");
assert.match(words.hits[0].snippet, /seventy-five/);

const bases = await call("list_knowledge");
assert.deepEqual(bases.knowledge.map((base) => [base.name, base.status]), [["articles", "ready"], ["later", "unavailable"]]);
assert.match(bases.knowledge[1].error.hint, /mastra index later/);

const question = { query: "how is tea steeped?", knowledge: "articles", top_k: 2, neighbours: 1 };
const found = await client.callTool({ name: "search_knowledge", arguments: question });
const passages = /** @type {any} */ (found.structuredContent).passages;
assert.equal(passages[0].external_id, "tea");
const links = found.content.filter((block) => block.type === "resource_link").map((block) => block.uri);
assert.deepEqual(links, [...new Set(passages.map((passage) => passage.uri))]);

// --- resources ---------------------------------------------------------------------------------------------------------------
const { resourceTemplates } = await client.listResourceTemplates();
assert.equal(resourceTemplates[0].uriTemplate, "mastra://records/{connection}/{entity}/{externalId}");
const uris = [];
let next;
do {
  const page = await client.listResources(next ? { cursor: next } : {});
  assert.ok(page.resources.length <= 50);
  uris.push(...page.resources.map((resource) => resource.uri));
  next = page.nextCursor;
} while (next);
assert.equal(new Set(uris).size, 303);
const cited = await client.readResource({ uri: links[0] });
assert.equal(cited.contents[0].mimeType, "application/json");
assert.match(JSON.parse(cited.contents[0].text).data.body, /seventy-five/);

// --- what goes wrong ---------------------------------------------------------------------------------------------------------
await failure("query_records", { entity: "Nothing" }, "not_found");
assert.match((await failure("query_records", { entity: "Deals", filter: { a: { $near: 1 } } }, "invalid_input")).hint, /query_records/);
await failure("query_records", { entity: "Deals", limit: 1e9 }, "invalid_input");
await failure("query_records", { entity: "Deals", cursor: "garbage" }, "invalid_input");
await failure("query_records", { entity: "Deals", filter: { "a\u0000": "\u0000" }, sort: ["a\u0000"] }, "invalid_input");
await failure("query_records", { entity: "Deals", unknown: true }, "invalid_input");
await failure("query_records", { entity: 7 }, "invalid_input");
await failure("get_record", { entity: "Deals", external_id: "none" }, "not_found");
await failure("search_text", { entity: "Deals", query: "word" }, "invalid_input");
await failure("search_knowledge", { query: "tea" }, "invalid_input");
await failure("search_knowledge", { query: "tea", knowledge: "none" }, "not_found");
assert.match((await failure("search_knowledge", { query: "tea", knowledge: "later" }, "not_found")).hint, /mastra index later/);
let deep = { a: 1 };
for (let level = 0; level < 45; level++) deep = /** @type {any} */ ({ $and: [deep] });
await failure("query_records", { entity: "Deals", filter: deep }, "invalid_input");
for (let level = 0; level < 200; level++) deep = /** @type {any} */ ({ $and: [deep] });
await assert.rejects(client.callTool({ name: "query_records", arguments: { entity: "Deals", filter: deep } }), McpError);
await assert.rejects(client.callTool({ name: "delete_everything", arguments: {} }), McpError);
await assert.rejects(client.readResource({ uri: "mastra://records/crm/Deals/none" }), McpError);
await assert.rejects(client.readResource({ uri: "file:///etc/passwd" }), McpError);
await assert.rejects(client.listResources({ cursor: "garbage" }), McpError);

// --- many at once, and one that is given up ----------------------------------------------------------------------------------
const calls = Array.from({ length: 40 }, (_, n) => call("get_record", { entity: "Deals", external_id: `d-${n + 1}` }));
(await Promise.all(calls)).forEach((answer, n) => assert.equal(answer.record.data.amount, n + 1.5));
const giveUp = new AbortController();
const abandoned = client.callTool({ name: "describe_entity", arguments: { entity: "Deals" } }, undefined, { signal: giveUp.signal });
giveUp.abort("no longer wanted");
await assert.rejects(abandoned);
await client.ping();

// The answer to what was given up may have been on its way already.
assert.deepEqual(unreadable.filter((error) => !/unknown message ID/.test(error.message)), []);
await client.close();
console.log(JSON.stringify({ tools: tools.length, resources: uris.length, log }));
