// SPDX-License-Identifier: Apache-2.0
// Shows what /events tells. Everything from outside goes in as text (textContent), never as markup.
'use strict';
const $ = id => document.getElementById(id);
const RUNS = 50, ENDED = 20, LOGS = 100, SILENCE_MS = 40000, RETRY_MS = 2000;
const TONES = {online: 'good', degraded: 'warn', offline: 'bad', succeeded: 'good', partial: 'warn', failed: 'bad',
  canceled: 'warn', unknown: 'bad', rejected: 'bad', expired: 'bad', errored: 'bad', erroring: 'bad', canceling: 'warn',
  inProgress: 'live', queued: 'live', completed: 'good'};
const PARTS = [['succeeded', 'good', 'succeeded'], ['failed', 'bad', 'failed'], ['timedOut', 'warn', 'timed out'],
  ['inProgress', 'live', 'in progress'], ['remaining', '', 'remaining']];
let runs = new Map(), shown = {}, source, heard = 0, wasLost = false;

function make(tag, name, text, ...inside) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  if (text != null) node.textContent = text;
  node.append(...inside);
  return node;
}
const cut = text => text.length > 120 ? text.slice(0, 120) + '…' : text;
const tag = word => make('b', 'tag ' + (TONES[word] || ''), word);
function time(text) {
  const at = new Date(text), node = make('time', '', isNaN(at) ? text : at.toLocaleString([], at.toDateString() ===
    new Date().toDateString() ? {timeStyle: 'medium'} : {dateStyle: 'short', timeStyle: 'medium'}));
  node.dateTime = node.title = text;
  return node;
}
function fill(list, nodes, none) {
  $(list).replaceChildren(...(nodes.length ? nodes : [make('li', 'none', none)]));
}
// Only what has changed is drawn anew: a selection, an open entry, a screen reader's place stay where they are.
function changed(name, value) {
  const text = JSON.stringify(value);
  if (shown[name] === text) return false;
  shown[name] = text;
  return true;
}

const words = sum => PARTS.filter(([key]) => sum && Number(sum[key]) > 0).map(([key, , word]) => `${sum[key]} ${word}`)
  .join(', ');
function bar(run) {
  const sum = run.summary || {}, count = key => Math.max(0, Number(sum[key]) || 0);
  const all = PARTS.reduce((total, [key]) => total + count(key), 0);
  const done = count('succeeded') + count('failed') + count('timedOut');
  const percent = all ? Math.floor(100 * done / all) : run.outcome === 'succeeded' ? 100 : 0;
  const node = make('div', 'bar');
  node.setAttribute('role', 'progressbar');
  node.setAttribute('aria-valuenow', percent);
  node.setAttribute('aria-valuemin', 0);
  node.setAttribute('aria-valuemax', 100);
  node.setAttribute('aria-label', 'progress of ' + run.requestId);
  for (const [key, tone] of PARTS.slice(0, 4)) {
    const part = make('i', tone);
    part.style.flexBasis = (all ? 100 * count(key) / all : 0) + '%';
    node.append(part);
  }
  return [node, make('div', 'dim', all ? `${percent} % — ${words(sum)}` : 'no progress told yet')];
}
function runItem(entry) {
  const run = entry.run, item = make('li', '', null, make('div', 'row', null, make('strong', '', run.job),
    tag(run.outcome || run.state), make('span', 'dim', run.outcome && !['completed', run.outcome].includes(run.state) ?
      run.state : ''), make('span', '', run.requestId || 'started elsewhere'), time(run.at)));
  if (run.executionId) item.append(make('div', 'id', 'execution ' + run.executionId));
  if (run.summary || !run.outcome) item.append(...bar(run));
  if (run.error) item.append(make('div', '', `${run.error.type}: ${run.error.message}`));
  item.dataset.id = entry.id;
  return item;
}
function drawRuns() {
  const all = [...runs.values()].sort((a, b) => b.id - a.id);
  // What is only pending stands among the waiting commands: it is no run yet.
  const open = all.filter(entry => !entry.run.outcome && entry.run.executionId).slice(0, RUNS);
  const ended = all.filter(entry => entry.run.outcome).sort((a, b) => b.run.at < a.run.at ? -1 : 1).slice(0, ENDED);
  runs = new Map([...open, ...ended].map(entry => [entry.id, entry]));
  if (changed('open', open)) fill('open', open.map(runItem), 'No run is open.');
  if (changed('ended', ended)) fill('ended', ended.map(runItem), 'No run has ended lately.');
}
let drawing = false;
function drawSoon() { // a hundred events draw once
  if (drawing) return;
  drawing = true;
  setTimeout(() => { drawing = false; drawRuns(); }, 50);
}

function drawState(now) {
  const client = now.client === 'jobbridge' ? '' : now.client; // the default says nothing
  $('client').textContent = client;
  document.title = [now.state, client, 'jobbridge'].filter(Boolean).join(' – ');
  if (changed('state', [now.state, now.reason, now.since]))
    $('state').replaceChildren(tag(now.state), ' ', make('bdi', '', now.reason), `${now.reason ? ' — ' : ''}since `,
      time(now.since));
  const ended = now.runsEnded;
  const numbers = [['Received', now.commands.received], ['Accepted', now.commands.accepted],
    ['Rejected', now.commands.rejected], ['Pending', now.commands.pending], ['Open runs', now.runsOpen],
    ['Succeeded', ended.succeeded], ['Not succeeded', ended.partial + ended.failed + ended.canceled + ended.unknown],
    ['New dead letters', now.deadlettersNew], ['To publish', now.journal.outbox],
    ['Broker', now.broker.connected ? 'connected' : 'away'],
    ['API', now.api.breaker === 'open' ? 'away' : now.api.held ? 'held' : 'at work'],
    ['Journal', now.journal.writable ? 'writable' : 'not writable']];
  if (changed('parts', numbers))
    $('parts').replaceChildren(...numbers.map(([name, value]) => make('div', '', null, make('dt', '', name),
      make('dd', '', value))));
  if (changed('jobs', now.jobs)) fill('jobs', now.jobs.map(job => make('li', 'row', null, make('strong', '', job.name),
    make('span', 'dim', `${job.open} open, ${job.waiting} waiting`))), 'No job is configured.');
  if (changed('waiting', now.waiting)) fill('waiting', now.waiting.map(command => make('li', '', null,
    make('div', 'row', null, make('strong', '', command.job), make('span', '', command.action),
      make('span', '', command.requestId), make('span', 'id', '#' + command.id), time(command.arrived)),
    make('div', 'dim', command.reason + (command.attempts ? `, ${command.attempts} attempt${command.attempts > 1 ? 's' :
      ''}` : '')))), 'Nothing waits.');
  if (changed('dead', now.deadletters)) fill('dead', now.deadletters.map(letter => make('li', '', null,
    make('div', 'row', null, make('strong', '', cut(letter.topic)), make('span', 'id', letter.id), time(letter.at)),
    make('div', '', letter.reason), letter.payload ? make('pre', '', letter.payload) : '')), 'None.');
  if (changed('foot', now.version)) $('foot').replaceChildren(make('span', 'dim', `jobbridge ${now.version}, up since `),
    time(now.started));
}
function addLog(data) {
  const list = $('log'), log = data.log;
  if (list.firstElementChild && list.firstElementChild.className === 'none') list.replaceChildren();
  const entry = log ? log.entry : {}, details = make('details', '', null, make('summary', 'row', null,
    make('strong', '', log ? log.job : 'run ' + data.id), log ? tag(String(entry.status)) :
      `an entry of ${data.bytes} bytes is too long to show`, make('span', '', log && log.requestId || ''),
    make('span', 'dim', words(entry.executionSummary)),
    time(log ? log.at : new Date().toISOString())));
  if (log) details.append(make('pre', '', JSON.stringify(entry, null, 2)));
  list.prepend(make('li', '', null, details));
  while (list.childElementCount > LOGS) list.lastElementChild.remove();
}
function take(entry) {
  const known = runs.get(entry.id);
  if (!entry.run || known && known.run.seq > entry.run.seq) return;
  runs.set(entry.id, entry);
  drawSoon();
}

function setLost(lost) {
  if (lost && !wasLost) $('lost').textContent = `Connection lost at ${new Date().toLocaleTimeString()}: what is below ` +
    'may be out of date. Trying again…';
  wasLost = lost;
  $('lost').hidden = !lost;
  document.body.className = lost ? 'lost' : '';
}
function connect() {
  if (source) source.close();
  source = new EventSource('events');
  heard = Date.now();
  const on = (name, work) => source.addEventListener(name, event => {
    heard = Date.now();
    setLost(false);
    if (work) work(JSON.parse(event.data));
  });
  on('snapshot', now => {
    runs = new Map(now.runs.map(entry => [entry.id, entry]));
    drawState(now);
    drawRuns();
  });
  on('status', drawState);
  on('run', take);
  on('log', addLog);
  on('beat');
  source.onopen = () => { heard = Date.now(); setLost(false); };
  source.onerror = () => setLost(true);
}
fill('log', [], 'None since this page was opened.');
connect();
setInterval(() => {
  if (Date.now() - heard > SILENCE_MS) setLost(true); // a connection may die without a word
  if (wasLost && (source.readyState === EventSource.CLOSED || Date.now() - heard > SILENCE_MS)) connect();
}, RETRY_MS);
