// Bundles the heap snapshot worker of Chrome DevTools for node: `node bundle_devtools.mjs`.
import * as esbuild from 'esbuild';
import {fileURLToPath} from 'node:url';

const here = path => fileURLToPath(new URL(path, import.meta.url));
const worker = 'entrypoints/heap_snapshot_worker/heap_snapshot_worker';

// The worker draws nothing and says nothing: translations, editors and styles are left out.
const nothing = {
  name: 'nothing',
  setup(build) {
    const filter = /locales\.js$|codemirror|marked|\.css\.js$/;
    build.onResolve({filter}, args => ({path: args.path, namespace: 'nothing'}));
    build.onLoad({filter: /.*/, namespace: 'nothing'}, () => ({
      contents: `module.exports = {LOCALES: ['en-US'], BUNDLED_LOCALES: ['en-US'],
        DEFAULT_LOCALE: 'en-US', REMOTE_FETCH_PATTERN: '', LOCAL_FETCH_PATTERN: ''}`,
      loader: 'js',
    }));
  },
};

await esbuild.build({
  entryPoints: [here(`node_modules/chrome-devtools-frontend/front_end/${worker}.ts`)],
  outfile: here('build/devtools_worker.mjs'),
  bundle: true,
  format: 'esm',
  platform: 'node',
  plugins: [nothing],
  logLevel: 'error',
});
