import { defineConfig } from 'vite';

// Names without hashes: the files are part of the program, and their ETags say when they have changed.
export default defineConfig({
  base: './',
  build: {
    target: 'es2022',
    outDir: 'dist',
    sourcemap: false,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { '/api': { target: process.env.MEMCORE_URL ?? 'http://127.0.0.1:8080', ws: true } } },
});
