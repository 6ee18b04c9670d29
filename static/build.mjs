// Bundles the console's scripts, styles, icons and font into dist/, which the binary embeds.
import { readFile, rm, writeFile, mkdir } from 'node:fs/promises';
import esbuild from 'esbuild';

// Tabler's icons that pages use, and the shapes of ours that say how something is.
const icons = [
  'activity', 'adjustments-horizontal', 'alert-triangle', 'api', 'arrow-down-right', 'arrow-up-right', 'book',
  'building-store', 'chevron-right', 'circle-check', 'circle-x', 'copy', 'cube', 'database-export', 'device-desktop',
  'device-laptop', 'dots', 'download', 'external-link', 'eye', 'file-import', 'gift', 'heartbeat', 'history',
  'info-circle', 'key', 'layout-dashboard', 'list-details', 'logout', 'menu-2', 'moon', 'pencil', 'player-pause',
  'player-play', 'plug-connected', 'plus', 'power', 'refresh', 'route', 'search', 'server-2', 'settings', 'shield-check',
  'sort-ascending', 'sort-descending', 'speakerphone', 'sun', 'tag', 'terminal-2', 'transfer', 'trash', 'trophy',
  'upload', 'user-circle', 'users', 'wallet', 'x',
];
const shapes = {
  's-ok': '<circle cx="5" cy="5" r="4" fill="currentColor"/>',
  's-warn': '<path d="M5 .8 9.6 9H.4z" fill="currentColor"/>',
  's-bad': '<path d="M5 .2 9.8 5 5 9.8.2 5z" fill="currentColor"/>',
  's-off': '<circle cx="5" cy="5" r="3.6" fill="none" stroke="currentColor" stroke-width="1.6"/>',
  's-run': '<path d="M5 1.2A3.8 3.8 0 1 0 8.8 5" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round"/>',
};

async function symbol(name) {
  const svg = await readFile(new URL(`node_modules/@tabler/icons/icons/outline/${name}.svg`, import.meta.url), 'utf8');
  const inner = svg.replace(/<!--[\s\S]*?-->/g, '').replace(/^[\s\S]*?<svg[^>]*>/, '').replace(/<\/svg>\s*$/, '');
  const drawn = inner.replace(/<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*\/>/, '').replace(/\s+/g, ' ').trim();
  return `<symbol id="${name}" viewBox="0 0 24 24">${drawn}</symbol>`;
}

async function sprite() {
  const outlined = await Promise.all(icons.map(symbol));
  const filled = Object.entries(shapes).map(([name, shape]) => `<symbol id="${name}" viewBox="0 0 10 10">${shape}</symbol>`);
  return `<svg xmlns="http://www.w3.org/2000/svg">${[...outlined, ...filled].join('')}</svg>\n`;
}

const options = {
  entryPoints: ['src/app.js', 'src/app.css'],
  absWorkingDir: import.meta.dirname,
  outdir: 'dist',
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  // The font's and the images' names stay: the folder they are served from has the version in its name.
  assetNames: '[name]',
  loader: { '.svg': 'file', '.woff2': 'file' },
  // Kept as written: browsers that lack light-dark() are not supported.
  supported: { 'color-functions': true },
  logLevel: 'warning',
};

await rm(new URL('dist', import.meta.url), { recursive: true, force: true });
await mkdir(new URL('dist', import.meta.url));
await writeFile(new URL('dist/icons.svg', import.meta.url), await sprite());
await writeFile(new URL('dist/favicon.svg', import.meta.url), await readFile(new URL('src/favicon.svg', import.meta.url)));
if (process.argv.includes('--watch')) {
  const context = await esbuild.context(options);
  await context.watch();
} else {
  await esbuild.build(options);
}
