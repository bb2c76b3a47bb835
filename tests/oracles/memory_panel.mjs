// The real Memory panel of Chromium: `node memory_panel.mjs BEFORE AFTER [SCREENSHOT.png]`.
// Loads both files as a person would, chooses Comparison, and prints the rows as JSON; of one
// .heapprofile, its rows.
// Needs a Chromium on PATH (or CHROMIUM); nothing is fetched from anywhere.
import {spawn} from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import puppeteer from 'puppeteer-core';

const files = process.argv.slice(2).map(file => path.resolve(file));
const isProfile = files[0].endsWith('.heapprofile');
const [before, after, screenshot] = isProfile ? [files[0], null, files[1]] : files;
const pause = ms => new Promise(resolve => setTimeout(resolve, ms));

function start(profile) {
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--remote-debugging-port=0', '--remote-allow-origins=*', `--user-data-dir=${profile}`];
  const child = spawn(process.env.CHROMIUM ?? 'chromium', [...flags, 'about:blank'], {detached: true});
  const port = new Promise((resolve, reject) => {
    child.once('exit', code => reject(new Error(`Chromium ended with ${code}`)));
    child.stderr.on('data', text => {
      const found = /DevTools listening on ws:\/\/[^:]+:(\d+)\//.exec(String(text));
      if (found) resolve(found[1]);
    });
  });
  return {child, port};
}

async function openPanel(browser, port) {
  const [target] = await (await fetch(`http://127.0.0.1:${port}/json/list`)).json();
  const page = await browser.newPage();
  await page.setViewport({width: 1280, height: 720});
  await page.goto(`http://127.0.0.1:${port}/devtools/devtools_app.html?` +
    `ws=127.0.0.1:${port}/devtools/page/${target.id}&panel=heap-profiler`);
  return page;
}

// All elements, those in shadow trees too, runs in the page.
const everything = `function* everything(root) {
  for (const element of root.querySelectorAll('*')) {
    yield element;
    if (element.shadowRoot) yield* everything(element.shadowRoot);
  }
}`;

async function loadProfile(page, file) {
  const button = await page.waitForSelector('aria/Load profile', {timeout: 20000});
  const [chooser] = await Promise.all([page.waitForFileChooser(), button.click()]);
  await chooser.accept([file]);
  await itemOf(page, file);
}

// The entry of a profile in the list: with its size, which stands there when it is loaded.
async function itemOf(page, file) {
  const name = path.basename(file, path.extname(file));
  const sized = isProfile ? /./ : /B\)/;
  for (const end = Date.now() + 120000; Date.now() < end; await pause(500)) {
    const found = await page.evaluateHandle(`${everything}
      [...everything(document)].find(e => e.matches('[role=treeitem]') &&
        e.innerText.trim().startsWith(${JSON.stringify(name)}) && ${sized}.test(e.innerText))`);
    if (found.asElement()) return found.asElement();
  }
  throw new Error(`${file} was not loaded`);
}

async function openProfile(page, file) {
  for (let tries = 0; tries < 20; tries++) {
    await (await itemOf(page, file)).click();
    await pause(1500);
    if (await page.evaluate(`${everything}
      [...everything(document)].some(e => e.tagName === 'SELECT')`)) return;
  }
  throw new Error(`${file} cannot be opened`);
}

async function rows(page) {
  return page.evaluate(`${everything}
    [...everything(document)].filter(e => e.matches('table.data tr'))
      .map(row => [...row.querySelectorAll('td')].map(cell => cell.innerText.trim()))
      .filter(cells => cells.some(Boolean))`);
}

async function choose(page, option) {
  const isChosen = await page.evaluate(`${everything}
    [...everything(document)].some(e => {
      const choice = e.tagName === 'SELECT' &&
        [...e.options].find(o => o.text.trim() === ${JSON.stringify(option)});
      if (choice) {
        e.value = choice.value;
        e.dispatchEvent(new Event('change', {bubbles: true}));
      }
      return Boolean(choice);
    })`);
  if (!isChosen) throw new Error(`there is nothing to choose called ${option}`);
  await pause(3000);
}

const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'leakhunt-chromium-'));
const {child, port} = start(profile);
try {
  const address = `http://127.0.0.1:${await port}`;
  const browser = await puppeteer.connect({browserURL: address, defaultViewport: null});
  const page = await openPanel(browser, await port);
  await loadProfile(page, before);
  if (!isProfile) await loadProfile(page, after);
  await openProfile(page, after ?? before);
  const summary = await rows(page);
  if (!isProfile) await choose(page, 'Comparison');
  const comparison = isProfile ? [] : await rows(page);
  if (screenshot) await page.screenshot({path: screenshot});
  process.stdout.write(JSON.stringify({summary, comparison}, null, 1) + '\n');
  await browser.disconnect();
} finally {
  const ended = new Promise(resolve => child.once('exit', resolve));
  process.kill(-child.pid, 'SIGKILL');  // its whole process group
  await ended;
  fs.rmSync(profile, {recursive: true, force: true, maxRetries: 10, retryDelay: 200});
}
process.exit(0);
