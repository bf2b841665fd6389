/** Small sites with the right answer, the same in every language: memcore/tests/cases/plans.json. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { InvalidError, type Plan, type PlanColumn, Site } from "memcore";

interface Expect {
  status?: string;
  objective?: number;
  costs?: Record<string, number>;
  columns?: Record<string, (number | null)[]>;
  notice?: string;
  violation?: { part: string; limit: string; amount: number };
  conflict?: string[];
  relaxation?: { part: string; limit: string; amount: number };
  error?: string;
}

const table = new URL("../../memcore/tests/cases/plans.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(table, "utf8")) as { cases: { name: string; site: object; expect: Expect }[] };

const camel = (name: string) => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

function near(found: number | undefined, right: number, within: number, what: string): void {
  assert.ok(found !== undefined && Math.abs(found - right) <= within, `${what}: ${String(found)}, expected ${String(right)}`);
}

function check(plan: Plan, expect: Expect): void {
  if (expect.objective !== undefined) near(plan.objective, expect.objective, 1e-6, "objective");
  for (const [item, amount] of Object.entries(expect.costs ?? {})) {
    near(plan.costs.find(({ part, cause }) => `${part}.${cause}` === item)?.amount, amount, 1e-6, item);
  }
  for (const [name, values] of Object.entries(expect.columns ?? {})) {
    const [part = "", column = ""] = name.split(".");
    const found = plan.part(part).column(camel(column) as PlanColumn);
    assert.equal(found.length, values.length);
    for (const [step, value] of values.entries()) if (value !== null) near(found[step], value, 1e-3, name);
  }
  const { notice, violation } = expect;
  if (notice !== undefined) assert.ok(plan.notices.some((text) => text.includes(notice)), plan.notices.join("; "));
  if (violation !== undefined) {
    assert.equal(plan.violations.length, 1);
    assert.equal(plan.violations[0]?.limit, camel(violation.limit));
    near(plan.violations[0].amount, violation.amount, 1e-6, "violation");
  }
}

for (const { name, site, expect } of cases) {
  test(name, async () => {
    const { error } = expect;
    if (error !== undefined) {
      const refused = (e: unknown) => e instanceof InvalidError && e.message.includes(error);
      assert.throws(() => Site.fromJSON(site).solveSync(), refused);
      return;
    }
    const plan = await Site.fromJSON(site).solve();
    assert.equal(plan.status, expect.status, plan.explain());
    if (plan.found) check(plan, expect);
    assert.deepEqual(plan.conflict.map(({ part, limit }) => `${part}.${limit}`), (expect.conflict ?? []).map(camel));
    const { relaxation } = expect;
    if (relaxation !== undefined) near(plan.relaxations[0]?.amount, relaxation.amount, 1, "relaxation");
  });
}
