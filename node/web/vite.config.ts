import { defineConfig, type Connect, type ViteDevServer } from 'vite';

// Names without hashes: the files are part of the program, and their ETags say when they have changed.
// A view's chunk is named after its folder: `views/history/index.tsx` becomes `history.js`.
const named = (module: string | null | undefined, fallback: string) =>
  /\/(?:views\/)?([\w-]+)\/index\.tsx?$/.exec(module ?? '')?.[1] ?? fallback;

export default defineConfig(({ command }) => ({
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2022',
    outDir: 'dist',
    sourcemap: false,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: true,
    rolldownOptions: {
      output: {
        entryFileNames: 'assets/page.js',
        chunkFileNames: (chunk) => `assets/${named(chunk.facadeModuleId, chunk.name)}.js`,
        assetFileNames: 'assets/[name][extname]',
      },
    },
  },
  plugins: command === 'serve' && process.env.MEMCORE_MOCK ? [mock()] : [],
  server: { proxy: process.env.MEMCORE_MOCK ? {} : { '/api': { target: process.env.MEMCORE_URL ?? 'http://127.0.0.1:8080', ws: true } } },
}));

/** `MEMCORE_MOCK=1 npm run dev`: a street that is made up, without a server. */
function mock() {
  return {
    name: 'memcore-mock',
    async configureServer(server: ViteDevServer) {
      const { handle } = (await server.ssrLoadModule('/dev/mock.ts')) as { handle: Connect.NextHandleFunction };
      server.middlewares.use(handle);
    },
  };
}
