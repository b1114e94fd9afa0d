// The page in a real browser, driven by playwright-core: Debian's chromium, or the browser in the
// variable CHROMIUM.
//
//   cargo build --release -p metrics-gateway && node --test crates/gateway/tests/page.test.mjs
//
// METRICS_GATEWAY_BIN sets the binary, and PLAYWRIGHT_CORE the path of playwright-core. Without a
// browser or playwright-core, the tests report that they are skipped.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const binary = process.env.METRICS_GATEWAY_BIN ?? `${root}target/release/metrics-gateway`;
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const [COUNTER, GAUGE, HISTOGRAM] = [1, 2, 3];

const playwright = await import(process.env.PLAYWRIGHT_CORE ?? "playwright-core").catch(() => null);
const skip = missing();

function missing() {
  if (!existsSync(executablePath)) return `no browser at ${executablePath}: install chromium, or set CHROMIUM`;
  if (playwright === null) return "playwright-core is not installed: run npm ci";
  if (!existsSync(binary)) return `no gateway at ${binary}: run cargo build --release -p metrics-gateway`;
  return false;
}

// An independent client: protobuf and the frame are encoded by hand.
const utf8 = new TextEncoder();
const varint = (n) => (n > 127 ? [(n & 127) | 128, ...varint(n >>> 7)] : [n]);
const field = (number, bytes) => [...varint((number << 3) | 2), ...varint(bytes.length), ...bytes];
const text = (number, string) => field(number, [...utf8.encode(string)]);
const double = (value) => [...new Uint8Array(new Float64Array([value]).buffer)];

function metric(name, type, value, labels = {}, help = undefined) {
  const bytes = [...text(1, name), ...(help === undefined ? [] : text(2, help)), 0x18, type];
  for (const [label, content] of Object.entries(labels)) bytes.push(...field(4, [...text(1, label), ...text(2, content)]));
  return field(1, [...bytes, 0x29, ...double(value)]);
}

async function push(url, metrics, id = undefined) {
  const message = metrics.flat();
  const body = new Uint8Array(5 + message.length);
  new DataView(body.buffer).setUint32(1, message.length);
  body.set(message, 5);
  return post(url, body, id);
}

async function post(url, body, id) {
  const headers = { "content-type": "application/grpc-web+proto", ...(id && { "x-push-id": id }) };
  const answer = await fetch(`${url}/marqo.metrics.v1.MetricsIngest/Push`, { method: "POST", headers, body });
  assert.equal(answer.status, 200);
  return new Uint8Array(await answer.arrayBuffer());
}

async function startGateway(flags = [], listen = "127.0.0.1:0") {
  const child = spawn(binary, ["--listen", listen, ...flags], { stdio: ["ignore", "pipe", "ignore"] });
  const [line] = await once(child.stdout, "data");
  const url = /^metrics-gateway listening on (\S+)\n$/.exec(String(line))[1];
  const stop = async () => {
    if (child.exitCode !== null) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  };
  return { url, stop };
}

/** Relative luminance and contrast as WCAG 2 defines them. */
function contrast(one, other) {
  const luminance = (color) => {
    const [r, g, b] = color.match(/[\d.]+/g).slice(0, 3).map((part) => {
      const c = Number(part) / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

describe("the page", { skip, timeout: 600_000 }, () => {
  let browser;
  before(async () => {
    browser = await playwright.chromium.launch({ executablePath });
  });
  after(() => browser?.close());

  /** Runs `body` with a gateway and a page on it, and then asserts that the page behaved. */
  async function withPage(options, body) {
    const { flags, ...contextOptions } = options;
    const gateway = await startGateway(flags);
    try {
      const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...contextOptions });
      try {
        await onPage(await context.newPage(), gateway, body);
      } finally {
        await context.close();
      }
    } finally {
      // Also after an error in the browser: a running gateway would keep this process alive.
      await gateway.stop();
    }
  }

  async function onPage(page, gateway, body) {
    page.setDefaultTimeout(60_000);
    const errors = [];
    const requests = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    page.on("dialog", (dialog) => {
      errors.push(`dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    page.on("request", (request) => requests.push(request.url()));
    await page.goto(gateway.url);
    await body({ gateway, page, url: gateway.url, requests, errors });
    assert.deepEqual(errors, []);
    const strange = requests.filter((request) => !request.startsWith(gateway.url) && !request.startsWith("data:"));
    assert.deepEqual(strange, [], "the page loads nothing from elsewhere");
  }

  const row = (page, words) => page.locator("tr.row", { hasText: words });
  const cell = (page, words, column) => row(page, words).locator(`td.${column}`);
  const hasText = (locator, expected) => locator.filter({ hasText: expected }).waitFor();

  test("says how to send the first metric, and the command it shows does just that", async (t) => {
    await withPage({}, async ({ page, url }) => {
      await page.getByRole("heading", { name: "Nothing has been pushed yet" }).waitFor();
      assert.equal(await page.locator("#content").isVisible(), false);
      const command = await page.locator("#shell-snippet").textContent();
      assert.ok(command.includes(url), command);
      try {
        const { stdout } = await promisify(execFile)("sh", ["-c", command]);
        assert.equal(stdout, "200\n");
      } catch (error) {
        if (error.code !== 127) throw error;
        return t.skip("curl is not installed");
      }
      // without a reload
      await hasText(cell(page, "pushed_hello_total", "value"), /^1$/);
      assert.equal(await page.locator("#empty").isVisible(), false);
    });
  });

  test("shows each series with its type, value and rate, and follows them", async () => {
    await withPage({}, async ({ page, url }) => {
      await push(url, [metric("requests_total", COUNTER, 1234.5, { route: "/a", method: "GET" }), metric("latency_ms", HISTOGRAM, 42, { route: "/a" })]);
      await hasText(cell(page, "pushed_requests_total", "value"), /^1,234\.5$/);
      assert.equal(await cell(page, "pushed_requests_total", "type").innerText(), "counter");
      assert.equal(await cell(page, "pushed_latency_ms", "type").innerText(), "histogram");
      assert.equal(await row(page, "pushed_requests_total").locator(".open .text").getAttribute("title"), 'pushed_requests_total{method="GET", route="/a"}');
      await push(url, [metric("requests_total", COUNTER, 0.5, { route: "/a", method: "GET" }), metric("latency_ms", HISTOGRAM, 42, { route: "/a" })]);
      await hasText(cell(page, "pushed_requests_total", "value"), /^1,235$/);
      await hasText(cell(page, "pushed_latency_ms", "value"), /^2$/);
      // 1235 in the last 10 seconds, once the slot they came in is over
      await hasText(cell(page, "pushed_requests_total", "rate"), /^123\.5$/);
      const chart = cell(page, "pushed_requests_total", "spark").getByRole("img");
      assert.match(await chart.getAttribute("aria-label"), /^Now 123\.5 per second, highest [\d.]+$/);
    });
  });

  test("shows a histogram's buckets and estimates, as a plot, in words and as a table", async () => {
    await withPage({ flags: ["--buckets", "10,20,40"] }, async ({ page, url }) => {
      // 4 up to 10, 4 up to 20, 2 above 40
      const values = [5, 5, 5, 5, 15, 15, 15, 15, 100, 100];
      await push(url, values.map((value) => metric("latency_ms", HISTOGRAM, value, {}, "How long it took")));
      const button = row(page, "pushed_latency_ms").getByRole("button");
      await button.click();
      assert.equal(await button.getAttribute("aria-expanded"), "true");
      const details = page.locator(`#${await button.getAttribute("aria-controls")}`);
      await hasText(details, /How long it took/);
      await hasText(details, /10, sum 280, mean 28/);
      await hasText(details, /p50, p90, p99 are estimates/);
      // rank 5 is the first of four between 10 and 20; ranks 9 and 9.9 are beyond the last bound
      const plot = details.getByRole("img", { name: "Observations by bucket" });
      assert.equal(
        await plot.getAttribute("aria-label"),
        "Observations by bucket: 4 up to 10, 4 up to 20, 2 up to +Inf. Estimates: p50 12.5, p90 40, p99 40",
      );
      assert.equal(await plot.locator("rect").count(), 3);
      assert.deepEqual(await cell(page, "pushed_latency_ms", "p50").innerText(), "12.5");
      await details.getByText("Buckets as a table").click();
      // Before layout, its text has no spaces.
      await details.locator("details tbody").waitFor();
      const rows = await details.locator("details tbody tr").allInnerTexts();
      assert.deepEqual(rows.map((text) => text.split(/\s+/)), [["10", "4", "4"], ["20", "4", "8"], ["40", "0", "8"], ["+Inf", "2", "10"]]);
      await hasText(details.locator("code"), 'histogram_quantile(0.9, sum by (le) (rate(pushed_latency_ms_bucket[5m])))');
    });
  });

  test("lists the last pushes with what was refused and why", async () => {
    await withPage({}, async ({ page, url }) => {
      const metrics = [metric("ok_total", COUNTER, 1), metric("depth", GAUGE, 1), metric("depth", GAUGE, 2)];
      await push(url, metrics, "one");
      await push(url, metrics, "one");
      await post(url, new Uint8Array([0, 0, 0, 0, 1, 255]));
      await push(url, [metric("ok_total", COUNTER, 1)]);
      const pushes = page.locator("#pushes > li");
      await page.waitForFunction(() => document.querySelectorAll("#pushes > li").length === 4);
      const texts = (await pushes.allInnerTexts()).map((text) => text.replace(/\s+/g, " ").replace(/\d\d:\d\d:\d\d/, "TIME"));
      assert.deepEqual(texts, [
        "TIME OK 1 accepted",
        "TIME INTERNAL failed to decode Protobuf message: invalid varint",
        "TIME Repeat 1 accepted 2 rejected one Answered from memory, not applied again",
        "TIME OK 1 accepted 2 rejected one depth bad_type × 2 expected type counter (1) or histogram (3), found gauge (2)",
      ]);
      assert.equal(await page.locator("#total-rejected").innerText(), "2");
      await page.getByLabel("Problems only").check();
      assert.equal(await pushes.count(), 3);
    });
  });

  test("cuts a long push id at its start, for what tells ids of one sender apart is the end", async () => {
    await withPage({}, async ({ page, url }) => {
      await push(url, [metric("x_total", COUNTER, 1)], "the-same-for-all-pushes-of-one-sender-17");
      const id = page.locator("#pushes .push-id");
      await id.waitFor();
      const [inner, outer] = [await id.locator("bdi").boundingBox(), await id.boundingBox()];
      assert.ok(inner.x < outer.x, "cut");
      assert.ok(Math.abs(inner.x + inner.width - outer.x - outer.width) < 1, "its end is there");
    });
  });

  test("repeats what a sender wrote as it is, quotes included, and shows what is hidden in it", async () => {
    await withPage({}, async ({ page, url }) => {
      const wrong = await fetch(`${url}/marqo.metrics.v1.MetricsIngest/Push`, { method: "POST", headers: { "content-type": "application/grpc-web+x" } });
      assert.equal(wrong.status, 400);
      await push(url, [metric("x_total", COUNTER, 1, {}, 'a "help"\n\u202e')]);
      await hasText(page.locator("#pushes .reasons"), 'found "application/grpc-web+x"');
      await row(page, "pushed_x_total").getByRole("button").click();
      await hasText(page.locator("tr.details dd").first(), 'a "help"\\n\\u202e');
    });
  });

  test("shows help that comes late at every series of the metric", async () => {
    await withPage({}, async ({ page, url }) => {
      await push(url, [metric("x_total", COUNTER, 1, { n: "1" }), metric("x_total", COUNTER, 1, { n: "2" })]);
      await row(page, 'n="1"').getByRole("button").click();
      await hasText(page.locator("tr.details dd").first(), "none was given");
      await push(url, [metric("x_total", COUNTER, 1, { n: "2" }, "Late help")]);
      await hasText(page.locator("tr.details dd").first(), "Late help");
    });
  });

  test("says which of several gateways it shows", async () => {
    await withPage({ flags: ["--pod", "gateway-2"] }, async ({ page, url }) => {
      await push(url, [metric("x_total", COUNTER, 1)]);
      await hasText(page.locator("header"), "gateway-2, everything in memory");
    });
  });

  test("draws each histogram with the bounds of its own unit", async () => {
    await withPage({}, async ({ page, url }) => {
      await push(url, [metric("wait_seconds", HISTOGRAM, 0.042), metric("wait_ms", HISTOGRAM, 42)]);
      await row(page, "wait_seconds").getByRole("button").click();
      await hasText(page.locator("tr.details"), "0.05");
    });
  });

  test("shows label values that look like HTML, or hide something, as the text they are", async () => {
    await withPage({ colorScheme: "dark" }, async ({ page, url, errors }) => {
      const values = ["<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", "&lt;b&gt;", "\u202egnp\u0000\n", '"} 1'];
      await push(url, values.map((v) => metric("hostile_total", COUNTER, 1, { v }, "<b>help</b>")));
      await push(url, [metric("<script>alert(3)</script>", COUNTER, 1), metric("\u202eevil", COUNTER, 1)], "<i>id</i>");
      await page.waitForFunction(() => document.querySelectorAll("tr.row").length === 5);
      const shown = await page.locator(".labels bdi").allInnerTexts();
      assert.deepEqual(shown.toSorted(), ["<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", "&lt;b&gt;", "\\u202egnp\\u0000\\n", '\\"} 1'].toSorted());
      await row(page, "<img").getByRole("button").click();
      await hasText(page.locator("tr.details dd"), "<b>help</b>");
      await hasText(page.locator("#pushes"), "\\u202eevil");
      assert.equal(await page.locator("main :is(img, script, b, i, iframe)").count(), 0);
      assert.equal(await page.title(), "Metrics gateway");

      // Even if some of it became markup, the policy would not run it.
      const ran = await page.evaluate(() => {
        const script = document.createElement("script");
        try {
          script.textContent = "window.ran = true";
          document.body.append(script);
        } catch {
          // trusted types refuse the text already
        }
        try {
          document.body.innerHTML += "<img src=x onerror='window.ran = true'>";
          return "innerHTML was taken";
        } catch {
          return window.ran ?? false;
        }
      });
      assert.equal(ran, false);
      // This test causes these messages of the browser on purpose.
      assert.ok(errors.length > 0);
      errors.length = 0;
    });
  });

  test("stays quick with two thousand series", async () => {
    await withPage({}, async ({ page, url, requests }) => {
      const many = (batch) => Array.from({ length: 200 }, (_, n) => metric("tenant_total", COUNTER, batch * 200 + n, { tenant: `t${batch * 200 + n}`, region: n % 2 ? "eu" : "us" }));
      for (let batch = 0; batch < 10; batch++) await push(url, many(batch));
      await hasText(page.locator("#range"), /^1–25 of 2,000$/);
      assert.equal(await page.locator("tr.row").count(), 25);

      await page.getByRole("button", { name: "Value" }).click();
      await hasText(row(page, "t1999").locator("td.value"), /^1,999$/);
      assert.equal(await page.locator("th.value").getAttribute("aria-sort"), "descending");
      await page.getByRole("button", { name: "Next" }).click();
      await hasText(page.locator("#range"), /^26–50 of 2,000$/);
      await hasText(page.locator("tr.row").first(), /t1974/);

      await page.locator("#filter").fill("EU t1777");
      await hasText(page.locator("tr.row"), /t1777/);
      assert.equal(await page.locator("tr.row").count(), 1);
      await page.locator("#filter").fill("no such series");
      await page.getByText("No series matches this filter.").waitFor();
      await page.locator("#filter").fill("");

      // All two thousand series change, and no task of the page's thread is long.
      await page.evaluate(() => {
        window.slowest = 0;
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries()) window.slowest = Math.max(window.slowest, entry.duration);
        }).observe({ entryTypes: ["longtask"] });
      });
      for (let batch = 0; batch < 10; batch++) await push(url, many(batch));
      await hasText(row(page, "t1999").locator("td.value"), /^3,998$/);
      const slowest = await page.evaluate(() => window.slowest);
      assert.ok(slowest < 500, `the page was busy for ${slowest} ms`);

      // Without changes, almost nothing is sent.
      const polls = requests.filter((request) => request.includes("/api/state")).length;
      await page.waitForFunction((polls) => performance.getEntriesByType("resource").length > polls + 1, polls);
      const last = await page.evaluate(() => performance.getEntriesByType("resource").at(-1).encodedBodySize);
      assert.ok(last < 2_000, `${last} bytes`);
    });
  });

  test("says that the gateway is unreachable, and goes on when it is back", async () => {
    await withPage({}, async ({ page, url, gateway, errors }) => {
      await push(url, [metric("x_total", COUNTER, 7)]);
      await hasText(cell(page, "pushed_x_total", "value"), /^7$/);
      await gateway.stop();
      await page.getByRole("alert").filter({ hasText: /has not answered since/ }).waitFor();
      await hasText(page.locator("#status"), "Unreachable");
      assert.match(await page.title(), /^Unreachable/);
      // the last values stay
      assert.equal(await cell(page, "pushed_x_total", "value").innerText(), "7");

      const again = await startGateway([], url.replace("http://", ""));
      try {
        await push(url, [metric("y_total", COUNTER, 3)]);
        await hasText(cell(page, "pushed_y_total", "value"), /^3$/);
        await page.getByText(/The gateway was restarted/).waitFor();
        assert.equal(await row(page, "pushed_x_total").count(), 0);
        assert.equal(await page.getByRole("alert").isVisible(), false);
        assert.equal(await page.locator("#status").innerText(), "Live");
      } finally {
        await again.stop();
      }
      assert.ok(errors.every((error) => /ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE/.test(error)), errors.join());
      errors.length = 0;
    });
  });

  test("does not call its own mistakes an unreachable gateway, and goes on after one", async () => {
    await withPage({}, async ({ page, url, errors }) => {
      await push(url, [metric("x_total", COUNTER, 1)]);
      await row(page, "pushed_x_total").waitFor();
      const mistake = page.waitForEvent("pageerror");
      await page.route("**/api/state*", (route) => route.fulfill({ json: {} }), { times: 1 });
      await mistake;
      assert.notEqual(await page.locator("#status").innerText(), "Unreachable");
      await push(url, [metric("x_total", COUNTER, 1)]);
      await hasText(cell(page, "pushed_x_total", "value"), /^2$/);
      errors.length = 0;
    });
  });

  test("lets a keyboard skip to the series, and keeps the view while it does", async () => {
    await withPage({}, async ({ page, url }) => {
      await page.locator("#empty").waitFor();
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      await page.waitForFunction(() => document.activeElement.id === "empty");
      await push(url, [metric("a_total", COUNTER, 1), metric("b_total", COUNTER, 1)]);
      await row(page, "pushed_b_total").waitFor();
      await page.locator("#filter").fill("b_");
      await page.locator(".skip").focus();
      await page.keyboard.press("Enter");
      assert.equal(await page.evaluate(() => document.activeElement.id), "series");
      assert.equal(await page.locator("#filter").inputValue(), "b_");
      assert.equal(new URL(page.url()).hash, "#q=b_");
    });
  });

  test("can be used with the keyboard alone, and the focus stays while values change", async () => {
    await withPage({}, async ({ page, url }) => {
      await push(url, [metric("a_total", COUNTER, 1), metric("b_total", COUNTER, 2)]);
      await row(page, "pushed_a_total").waitFor();
      await page.keyboard.press("/");
      assert.equal(await page.evaluate(() => document.activeElement.id), "filter");
      // The All button, the sortable headings, then the first row
      const reach = async (selector) => {
        for (let presses = 0; presses < 20; presses++) {
          await page.keyboard.press("Tab");
          if (await page.evaluate((selector) => document.activeElement.matches(selector), selector)) return;
        }
        assert.fail(`${selector} is not reached`);
      };
      await reach('input[name="type"]');
      await page.keyboard.press("ArrowRight");
      assert.equal(await page.locator('input[value="counter"]').isChecked(), true);
      await reach("th.value button");
      await page.keyboard.press("Enter");
      assert.equal(await page.locator("th.value").getAttribute("aria-sort"), "descending");
      await reach(".open");
      await page.keyboard.press("Enter");
      const focused = () => page.evaluate(() => ({ name: document.activeElement.innerText.trim(), expanded: document.activeElement.getAttribute("aria-expanded"), outline: getComputedStyle(document.activeElement).outlineStyle }));
      assert.deepEqual(await focused(), { name: "pushed_b_total", expanded: "true", outline: "solid" });
      // a overtakes b: the row moves and keeps the focus
      await push(url, [metric("a_total", COUNTER, 9)]);
      await page.waitForFunction(() => document.querySelector("tr.row").innerText.includes("pushed_a_total"));
      assert.deepEqual(await focused(), { name: "pushed_b_total", expanded: "true", outline: "solid" });
      await page.keyboard.press("Enter");
      assert.equal(await page.locator("tr.details").count(), 0);
    });
  });

  test("pauses, so that values can be read", async () => {
    await withPage({}, async ({ page, url, requests }) => {
      await push(url, [metric("x_total", COUNTER, 1)]);
      await hasText(cell(page, "pushed_x_total", "value"), /^1$/);
      const pause = page.getByRole("button", { name: "Pause" });
      await pause.click();
      await hasText(page.locator("#status"), "Paused");
      const asked = requests.length;
      await push(url, [metric("x_total", COUNTER, 1)]);
      // A paused page does not poll, but its filters still work.
      await page.clock.install();
      await page.locator("#filter").fill("x_total");
      await page.clock.runFor(3_000);
      assert.ok(requests.length <= asked + 1, "at most the request that was under way");
      assert.equal(await cell(page, "pushed_x_total", "value").innerText(), "1");
      await pause.click();
      await page.clock.resume();
      await hasText(cell(page, "pushed_x_total", "value"), /^2$/);
    });
  });

  test("keeps the view in the address, so that a reload shows the same", async () => {
    await withPage({}, async ({ page, url }) => {
      await push(url, [metric("a_total", COUNTER, 1), metric("b_total", COUNTER, 2), metric("a_ms", HISTOGRAM, 2)]);
      await row(page, "pushed_b_total").waitFor();
      await page.locator("#filter").fill("a_");
      await page.getByRole("button", { name: "Value" }).click();
      await page.getByText("Counters").click();
      assert.equal(new URL(page.url()).hash, "#q=a_&type=counter&sort=-value");
      await page.reload();
      await row(page, "pushed_a_total").waitFor();
      assert.equal(await page.locator("tr.row").count(), 1);
      assert.equal(await page.locator("#filter").inputValue(), "a_");
      assert.equal(await page.locator("th.value").getAttribute("aria-sort"), "descending");
      // an invalid address is not an error
      await page.goto(`${url}/#type=x&sort=toString&page=-3`);
      await page.reload();
      await row(page, "pushed_b_total").waitFor();
    });
  });

  for (const colorScheme of ["light", "dark"]) {
    test(`is readable in ${colorScheme}`, async () => {
      await withPage({ colorScheme }, async ({ page, url }) => {
        await push(url, [metric("requests_total", COUNTER, 1, { route: "/a" }), metric("ms", HISTOGRAM, 1), metric("x", GAUGE, 1)]);
        await row(page, "pushed_requests_total").getByRole("button").click();
        const pairs = await page.evaluate(() => {
          const background = (element) => {
            for (; element; element = element.parentElement) {
              const color = getComputedStyle(element).backgroundColor;
              if (!/, 0\)$|transparent/.test(color)) return color;
            }
            return "rgb(255, 255, 255)";
          };
          const leaves = [...document.querySelectorAll("body *")].filter((element) => element.checkVisibility() && !element.closest("svg") && !element.matches(":disabled") && [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim()));
          return leaves.map((element) => ({ text: element.textContent.trim().slice(0, 40), color: getComputedStyle(element).color, background: background(element) }));
        });
        assert.ok(pairs.length > 30);
        for (const { text, color, background } of pairs) {
          const ratio = contrast(color, background);
          assert.ok(ratio >= 4.5, `${text}: ${color} on ${background} is ${ratio.toFixed(2)}`);
        }
        const [page_] = await page.evaluate(() => [getComputedStyle(document.body).backgroundColor]);
        assert.equal(contrast(page_, "rgb(0, 0, 0)") > 10, colorScheme === "light");
      });
    });
  }

  for (const width of [320, 1000, 1440]) {
    test(`cuts no number and lets no text of a chart overlap in a window ${width} pixels wide`, async () => {
      const flags = ["--buckets", "0.0005,1,2.5,1000,12345,1000000,25000000,1e21"];
      await withPage({ flags, viewport: { width, height: 800 } }, async ({ page, url }) => {
        const values = [0.0001, 2, 2, 2000, 1234567, 1234567, 1e22];
        await push(url, [
          ...values.map((value) => metric("wait_ms", HISTOGRAM, value)),
          metric("sent_bytes_total", COUNTER, 123_456_789_012.345),
          metric("millions_total", COUNTER, 123_456_789.5),
          metric("huge_total", COUNTER, 1.2e308),
          metric("tiny_total", COUNTER, 5e-324),
        ]);
        await hasText(cell(page, "pushed_sent_bytes_total", "value"), /^1\.23e\+11$/);
        await hasText(cell(page, "pushed_millions_total", "value"), /^123,456,790$/);
        assert.equal(await cell(page, "pushed_millions_total", "value").getAttribute("title"), "123,456,789.5");
        // once the slot they came in is over
        await hasText(cell(page, "pushed_sent_bytes_total", "rate"), /^12\.3B$/);
        for (const name of ["wait_ms", "sent_bytes_total", "huge_total", "tiny_total"]) {
          await row(page, `pushed_${name}`).getByRole("button").click();
          await page.locator("tr.details svg").first().waitFor();
          const wrong = await page.evaluate(() => {
            const wrong = [...document.querySelectorAll("tr.row td.number")].filter((cell) => cell.scrollWidth > cell.clientWidth).map((cell) => `cut: ${cell.textContent}`);
            for (const svg of document.querySelectorAll("svg:has(text)")) {
              const frame = svg.getBoundingClientRect();
              const boxes = [...svg.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()]);
              boxes.forEach(([text, box], place) => {
                if (box.left < frame.left || box.right > frame.right) wrong.push(`outside: ${text}`);
                for (const [other, next] of boxes.slice(place + 1)) {
                  // Boxes extend above and below the drawn text, depending on the font.
                  const apart = box.right <= next.left || next.right <= box.left || box.bottom - 3 <= next.top || next.bottom - 3 <= box.top;
                  if (!apart) wrong.push(`over each other: ${text}, ${other}`);
                }
              });
            }
            return wrong;
          });
          assert.deepEqual(wrong, [], name);
        }
        await row(page, "pushed_wait_ms").getByRole("button").click();
        await hasText(page.locator("tr.details figcaption"), "in ms; p50, p90, p99 are estimates");
        assert.match(await page.getByRole("img", { name: "Observations by bucket" }).getAttribute("aria-label"), /1 up to 12,345, 2 up to 25,000,000,/);
      });
    });
  }

  for (const width of [320, 700, 1100]) {
    test(`fits a window ${width} pixels wide, details and long labels included`, async () => {
      await withPage({ viewport: { width, height: 700 } }, async ({ page, url }) => {
        await push(url, [metric("ms", HISTOGRAM, 1, { route: "/very-long".repeat(90), tenant: "t".repeat(900) }), metric("bad name ".repeat(20), COUNTER, 1)]);
        await row(page, "pushed_ms").getByRole("button").click();
        await page.getByRole("img", { name: "Observations by bucket" }).waitFor();
        const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.ok(content <= window, `${content} > ${window}`);
        const [series, value] = await Promise.all(["series", "value"].map((column) => cell(page, "pushed_ms", column).boundingBox()));
        assert.ok(series.width >= 100 && value.x + value.width <= width, JSON.stringify({ series, value }));
      });
    });
  }
});
