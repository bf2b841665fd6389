// What the page costs in a browser: `make bench-page`. Not part of the tests, which time nothing.
import tests from "./playwright.config";

export default { ...tests, testDir: "figures", testMatch: "*.figures.ts", outputDir: "test-results/figures", workers: 1, reporter: [["line"]] };
