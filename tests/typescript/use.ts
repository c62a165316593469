// Compiled with the generated files: what a TypeScript team writes against them.
import type { Contact, Entities, TreeNode } from "../src/generated/entities.js";
import type { RecordsRow } from "../src/generated/tables.js";

const seen: string = ({} as Contact).lastSeen;
const stage: Contact["stage"] = "won";
const unseen: Contact["stage"] = "a stage of next year";
const referrer: string | undefined = ({} as Entities["Contacts"]).referrer;
const state: TreeNode["state"] = null;
// @ts-expect-error A schema's enum is closed.
const wrong: TreeNode["state"] = "ajar";
// @ts-expect-error A field that every record had is not optional.
const incomplete: Contact = { name: "Ada" };
const row: Pick<RecordsRow, "external_id" | "deleted_at"> = { external_id: "c-1", deleted_at: null };

export { seen, stage, unseen, referrer, state, wrong, incomplete, row };
