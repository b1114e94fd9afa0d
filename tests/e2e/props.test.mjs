import assert from "node:assert/strict";
import { test } from "node:test";
import { DRIVER } from "../harness/index.mjs";
import { counter, settled, startSystem } from "./system.mjs";

const withProps = (props) => ({ file: DRIVER, props });

test("ctx.props.labels are added to every sample and win over the caller's own", async (t) => {
  const { gateway, runtime } = await startSystem(t, {
    callers: { search: withProps({ labels: { team: "search", tier: 1 } }) },
  });
  const lie = { team: "billing", route: "/" };
  await runtime.value("incr", ["a_total", lie], {}, "search");
  await runtime.value("observe", ["b_ms", 5, lie], {}, "search");
  await runtime.value("record", [[counter("c_total", 1, lie)]], {}, "search");
  assert.equal((await runtime.value("push", [[counter("d_total", 1, lie)]], {}, "search")).ok, true);
  await settled(runtime);
  const page = await gateway.scrape();
  const labels = { team: "search", tier: "1", route: "/" };
  for (const name of ["a_total", "c_total", "d_total"]) assert.equal(page.value(`pushed_${name}`, labels), 1, name);
  assert.equal(page.histogram("pushed_b_ms", labels).sum, 5);
  assert.deepEqual(page.series.filter(({ labels }) => labels.team === "billing"), []);
});

test("the labels of one caller's binding do not reach another's samples", async (t) => {
  const { gateway, runtime } = await startSystem(t, {
    callers: { one: withProps({ labels: { team: "one" } }), two: withProps({ labels: { team: "two" } }) },
  });
  for (let i = 0; i < 5; i++) {
    await Promise.all(["one", "two"].map((caller) => runtime.value("incr", ["a_total"], {}, caller)));
  }
  await settled(runtime);
  const page = await gateway.scrape();
  assert.equal(page.value("pushed_a_total", { team: "one" }), 5);
  assert.equal(page.value("pushed_a_total", { team: "two" }), 5);
});

test("props that are not what they should be are ignored, and logged, and samples still arrive", async (t) => {
  const odd = [{ labels: "team" }, { labels: ["team"] }, { labels: { le: "1" } }, { labels: { "a-b": "1" } }, { labels: { a: {} } }, { labels: null }, {}, "text", null];
  const callers = Object.fromEntries(odd.map((props, i) => [`odd${i}`, withProps(props)]));
  const { gateway, runtime } = await startSystem(t, { callers });
  for (const [i, caller] of Object.keys(callers).entries()) {
    const { error } = await runtime.call("incr", [`odd_total`, { i }], {}, caller);
    assert.equal(error, undefined, JSON.stringify(odd[i]));
  }
  await settled(runtime);
  const page = await gateway.scrape();
  // An operator's mistake loses the labels, not the metrics.
  for (const i of odd.keys()) assert.equal(page.sum("pushed_odd_total", { i }), 1, JSON.stringify(odd[i]));
});
