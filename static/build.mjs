// Bundles the console's scripts, styles, icons and font into dist/, which the binary embeds.
import { readFile, rm, writeFile, mkdir } from 'node:fs/promises';
import esbuild from 'esbuild';

// Tabler's icons that pages use.
const icons = [
  'activity', 'adjustments-horizontal', 'alert-triangle', 'api', 'arrow-down-right', 'arrow-up-right', 'book',
  'building-store', 'chevron-right', 'circle-check', 'circle-x', 'copy', 'cube', 'database-export', 'device-desktop',
  'device-laptop', 'dots', 'download', 'external-link', 'eye', 'file-import', 'gift', 'heartbeat', 'history',
  'info-circle', 'key', 'layout-dashboard', 'list-details', 'logout', 'menu-2', 'moon', 'pencil', 'player-pause',
  'player-play', 'plug-connected', 'plus', 'power', 'refresh', 'route', 'search', 'server-2', 'settings', 'shield-check',
  'sort-ascending', 'sort-descending', 'speakerphone', 'sun', 'tag', 'terminal-2', 'transfer', 'trash', 'trophy',
  'upload', 'user-circle', 'users', 'wallet', 'x',
];

async function symbol(name) {
  const svg = await readFile(new URL(`node_modules/@tabler/icons/icons/outline/${name}.svg`, import.meta.url), 'utf8');
  const inner = svg.replace(/<!--[\s\S]*?-->/g, '').replace(/^[\s\S]*?<svg[^>]*>/, '').replace(/<\/svg>\s*$/, '');
  const drawn = inner.replace(/<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*\/>/, '').replace(/\s+/g, ' ').trim();
  return `<symbol id="${name}" viewBox="0 0 24 24">${drawn}</symbol>`;
}

// With the shapes of ours that say how something is, which a build without npm has, too.
async function sprite() {
  const outlined = await Promise.all(icons.map(symbol));
  const own = await readFile(new URL('plain/icons.svg', import.meta.url), 'utf8');
  return `<svg xmlns="http://www.w3.org/2000/svg">${[...outlined, ...own.match(/<symbol.*<\/symbol>/g)].join('')}</svg>\n`;
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
