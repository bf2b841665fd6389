// A real server with simulated devices and a user of each role, and a page that watches over what the browser says about it.
//
// `memcore` is one server for all tests of a worker: read from it, command its devices, but do not stop it and leave its users alone.
// A test that does either starts its own with `start()`.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import AxeBuilder from "@axe-core/playwright";
import { type APIRequestContext, expect, type Page, request, test as base } from "@playwright/test";
import { memcore, type Running, type Simulation } from "./memcore";

export { expect };

/** Who may sign in, besides the admin `root`. Each may it at the operator `local`. */
export const ROLES = ["viewer", "operator", "engineer"] as const;
export type Who = (typeof ROLES)[number] | "root";
export const PASSWORD = "correct horse battery staple";

const CONTROL = fileURLToPath(new URL("home.control.toml", import.meta.url));

export interface Start {
  /** Simulated devices: HEM board, PV, battery, household, EV charger and grid meter of one home after the other. */
  devices?: number;
  /** Whether the first start is behind it: the admin `root` and a user of each role exist. */
  users?: boolean;
  /** Whether `home1` is controlled. */
  control?: boolean;
}

/** A server with its devices, in a folder of its own. */
export class Memcore {
  /** Where the page is, without a slash at its end. */
  url = "";
  server!: Running;
  #api: Api | undefined;
  #street: Simulation | undefined;
  readonly #site = mkdtempSync(join(tmpdir(), "memcore-page-"));

  private constructor(private readonly options: Start) {}

  static async start(options: Start = {}): Promise<Memcore> {
    const memcore = new Memcore({ devices: 6, users: true, control: false, ...options });
    await memcore.#serve("127.0.0.1:0");
    if (memcore.options.users === true) await memcore.#invite();
    return memcore;
  }

  /** Signed in as `root`, for preparing what a test needs by the API: `memcore.api.post("/users", ...)`. */
  get api(): Api {
    if (this.#api === undefined) throw new Error("nobody can sign in: the server was started without users");
    return this.#api;
  }

  /** Stops the server as a power cut of the network looks to a browser: nothing answers at its address. */
  async stop(): Promise<void> {
    await this.#street?.stop();
    await this.server.close();
  }

  /** Starts it again, on the same address. */
  async again(): Promise<void> {
    await this.#serve(new URL(this.url).host);
  }

  async end(): Promise<void> {
    await this.#api?.end();
    await this.stop();
    rmSync(this.#site, { recursive: true, force: true });
  }

  /** The link by which the first admin is made. */
  async firstLink(): Promise<string> {
    const link = await this.server.firstLink();
    if (link === null) throw new Error("there is no first link: there are users already");
    return link;
  }

  /** Signs a page in without its form, and opens it. */
  async signIn(page: Page, who: Who = "root", hash = "#/"): Promise<void> {
    const answer = await page.context().request.post(`${this.url}/api/v1/session`, { data: { user: who, password: PASSWORD } });
    expect(answer.status(), await answer.text()).toBe(200);
    await page.goto(`${this.url}/${hash}`);
  }

  async #serve(http: string): Promise<void> {
    const { devices, control } = this.options;
    this.server = await memcore.serve(this.#site, { listen: "127.0.0.1:0", http, ...(control === true && { control: CONTROL }) });
    this.url = (this.server.httpUrl ?? "").replace(/\/$/, "");
    if (devices !== 0) this.#street = await memcore.simulate(this.server, { devices: devices ?? 6, seed: 1, speed: 1 });
  }

  /** The first start, and an invitation for each role, as the page does it. */
  async #invite(): Promise<void> {
    this.#api = await Api.at(this.url);
    await this.#api.accept(await this.firstLink(), { user: "root", display_name: "Root", password: PASSWORD });
    for (const role of ROLES) {
      const { link } = await this.#api.post<{ link: string }>("/users", { user: role, display_name: role, roles: { local: role } });
      const other = await Api.at(this.url);
      await other.accept(link, { password: PASSWORD });
      await other.end();
    }
  }
}

/** The API, asked as a signed-in user. What it refuses fails the test, with what it said. */
export class Api {
  #csrf = "";

  private constructor(
    private readonly context: APIRequestContext,
    private readonly url: string,
  ) {}

  static async at(url: string): Promise<Api> {
    return new Api(await request.newContext({ ignoreHTTPSErrors: true }), url);
  }

  async accept(link: string, answer: object): Promise<void> {
    const secret = link.split("/").at(-1) ?? "";
    const { csrf } = await this.post<{ csrf: string }>(`/invitations/${secret}`, answer);
    this.#csrf = csrf;
  }

  async get<T>(path: string): Promise<T> {
    return this.#answer(await this.context.get(`${this.url}/api/v1${path}`));
  }

  async post<T>(path: string, data: object): Promise<T> {
    return this.#answer(await this.context.post(`${this.url}/api/v1${path}`, { data, headers: { "x-csrf-token": this.#csrf } }));
  }

  async end(): Promise<void> {
    await this.context.dispose();
  }

  async #answer<T>(answer: Awaited<ReturnType<APIRequestContext["get"]>>): Promise<T> {
    const text = await answer.text();
    if (!answer.ok()) throw new Error(`${answer.url()} answered ${String(answer.status())}: ${text}`);
    return JSON.parse(text) as T;
  }
}

/** What the browser complained about: errors of scripts, what the content security policy stopped, markup that ran. */
async function watch(page: Page): Promise<string[]> {
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(`script: ${error.message}`));
  page.on("dialog", (dialog) => {
    complaints.push(`a dialog of the browser opened: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("console", (message) => {
    if (/content.security.policy|refused to/i.test(message.text())) complaints.push(`policy: ${message.text()}`);
  });
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`Content-Security-Policy: ${event.violatedDirective} stopped ${event.blockedURI}`);
    });
  });
  return complaints;
}

interface Fixtures {
  /** A server of the test's own, ended with it. */
  start: (options?: Start) => Promise<Memcore>;
  /** Keeps a picture of the page, as `test-results/NAME.png`. */
  shot: (name: string) => Promise<void>;
  /** Fails where axe finds what people with a screen reader, a keyboard or weak eyes cannot use; of colours alone where all else was looked at. */
  accessible: (what?: "all" | "colours") => Promise<void>;
  complaints: string[];
}

export const test = base.extend<Fixtures, { memcore: Memcore }>({
  memcore: [
    // eslint-disable-next-line no-empty-pattern -- Playwright reads what a fixture needs from here.
    async ({}, use) => {
      const memcore = await Memcore.start({ control: true });
      await use(memcore);
      await memcore.end();
    },
    { scope: "worker", timeout: 60_000 },
  ],
  // eslint-disable-next-line no-empty-pattern -- as above
  start: async ({}, use) => {
    const started: Memcore[] = [];
    await use(async (options) => {
      const memcore = await Memcore.start(options);
      started.push(memcore);
      return memcore;
    });
    for (const memcore of started) await memcore.end();
  },
  shot: async ({ page }, use) => {
    await use(async (name) => {
      await page.screenshot({ path: join("test-results", `${name}.png`), fullPage: true, animations: "disabled" });
    });
  },
  accessible: async ({ page }, use) => {
    await use(async (what = "all") => {
      const axe = new AxeBuilder({ page });
      const { violations } = await (what === "colours" ? axe.withRules(["color-contrast"]) : axe.withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"])).analyze();
      const found = violations.map(({ id, help, nodes }) => `${id}: ${help}\n  ${nodes.map((node) => node.html).join("\n  ")}`);
      expect(found.join("\n")).toBe("");
    });
  },
  // In every test, asked for or not.
  complaints: [
    async ({ page }, use) => {
      const complaints = await watch(page);
      await use(complaints);
      expect(complaints).toEqual([]);
    },
    { auto: true },
  ],
});
