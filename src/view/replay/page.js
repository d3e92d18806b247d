'use strict';
// This script knows nothing of executors. Each step has the fields that it changed; all fields up
// to a step are a state, and a state is put into the boxes of the page. So a step back is a step
// to an earlier state, and every way to a step leads to the same page.

const $ = id => document.getElementById(id);
const data = JSON.parse($('data').textContent);
const {runs, states} = data;
const isStill = matchMedia('(prefers-reduced-motion: reduce)');
for (const run of runs) {
  let state = {};
  run.states = run.steps.map(step => state = {...state, idea: null, ask: null, many: false, ...step});
  run.answered = new Set();
}

// Where we are: at a step of a run; or, with run -1, at a time of all runs.
const at = {run: null, step: 0, t: 0};
let isAsked = false; // the question before this step is open
let verdict = '';    // what came of it
let playing = 0;

// An element: its name and classes, as `p.faint`, and what is in it. Text becomes text, never HTML.
function el(kind, ...children) {
  const [name, ...classes] = kind.split('.');
  const element = document.createElement(name);
  element.className = classes.join(' ');
  element.append(...children);
  return element;
}

const button = (act, ...children) => Object.assign(el('button', ...children), {onclick: act});
// What stands between backticks is code.
const rich = text => text.split('`').map((part, i) => i % 2 ? el('code', part) : part);
const fill = (id, ...children) => $(id).lastElementChild.replaceChildren(...children);
const aside = (id, text) => { $(id).querySelector('h2 span').textContent = text; };
const spell = t => t.toFixed(data.digits) + ' s';

// The boxes of a run.

// A task's number or its waker, in a box. It moves from box to box.
function token(kind, place, task, name = '') {
  const element = el(kind, el('b', String(task)), ...name ? [el('span', name)] : []);
  Object.assign(element.dataset, {place, task, key: [place, task, kind === 'span.pill' && name]});
  return element;
}

function drawBoxes(state) {
  drawQueue(state);
  drawThread(state);
  drawWakers(state);
  const [waker, what] = state.strip;
  $('strip').className = waker ? 'called' : '';
  $('strip').replaceChildren('◀', ...waker
    ? [token('span.pill', 'strip', ...waker), el('span', what)]
    : [el('span', '4 A waker that is called puts its number on the queue.')], '◀');
}

function drawQueue(state) {
  const [now, next, more] = state.queue;
  const part = (words, numbers) => [...numbers.length ? [el('p', words)] : [],
    ...numbers.map(number => token('span.number', 'queue', ...number))];
  const all = [...part('this turn', now), ...part('next turn', next)];
  fill('queue', ...all.length ? all : [el('span.faint', 'empty')], el('p', more));
}

function drawThread(state) {
  const [word, note, className] = state.thread;
  $('thread').className = 'box ' + className;
  aside('thread', state.turn ? `turn ${state.turn} of the loop` : '');
  const lent = task => token('span.pill.lent', 'lent', task, 'waker, lent for this poll');
  const frames = state.stack.map(([task, name]) => name === undefined ? el('li', task)
    : el('li', el('span', token('span', 'thread', task, name), '.poll()'), lent(task)));
  fill('thread', el('strong', word), el('ol', ...frames), el('p.faint', note));
}

function drawWakers(state) {
  const [groups, more, total] = state.wheel;
  aside('wakers', `on the timer wheel: ${total.toLocaleString('en')}`);
  const rows = groups.map(([when, place, pills, rest]) => el('div',
    el('p', el('b', when), ' ', el('span.faint', place, ' ', rest)),
    ...pills.map(waker => token('span.pill', 'wakers', ...waker))));
  const [elsewhere, nobody] = state.kept.map(([tasks, rest]) =>
    tasks.length ? ` the waker of ${tasks.map(task => task.join(' ')).join(', ')} ${rest}`.trimEnd() : '');
  if (elsewhere) rows.push(el('p', el('b', 'elsewhere'), ', with a handle, a channel or a thread:', elsewhere));
  if (nobody) rows.push(el('p.red', el('b', 'nobody'), ' has', nobody));
  rows.push(el('p.faint', rows.length ? more : 'No waker is kept.'));
  fill('wakers', ...state.rings.length ? [drawRings(state.rings)] : [], el('div.holders', ...rows));
}

// The levels of the wheel, the coarsest outside, with 64 slots each.
function drawRings(rings) {
  const lines = rings.flatMap(([, hand, full], ring) => {
    const line = kind => slot => Object.assign(el(`i.${kind}.ring${ring}`), {style: `rotate: ${slot * 360 / 64}deg`});
    return [...[...Array(64).keys()].map(line('tick')), ...full.map(line('full')), line('hand')(hand)];
  });
  return el('div.rings', el('div.dial', ...lines), ...rings.map(([words]) => el('div', words)), el('div', 'hand: the last look'), el('div', 'blue: timers'));
}

function drawSentence(step, state) {
  $('sentence').className = isAsked ? 'ready' : verdict ? state.kind + ' answered' : state.kind;
  if (isAsked) {
    const [question, answers] = step.ask;
    const buttons = answers.map((answer, i) => button(() => choose(i), `${i + 1} `, ...rich(answer)));
    $('sentence').replaceChildren(el('p', ...rich(question)), el('div.answers', ...buttons));
  } else {
    const idea = state.idea ? [state.idea] : [];
    $('sentence').replaceChildren(el('p', ...rich(verdict + state.say)),
      ...idea.map(([head, why]) => el('p', el('b', ...rich(head)), ' ', ...rich(why))));
  }
}

// From where to where tokens move.
const COMES_FROM = {queue: ['strip', 'thread'], thread: ['queue'], wakers: ['lent'], strip: ['wakers'], lent: []};

// Draws the state before, and then this one. So what is new is the same, whatever the way here.
function drawMoving(before, state, isNext) {
  const tokens = () => [...document.querySelectorAll('[data-key]')];
  if (before) drawBoxes(before);
  const old = before ? tokens().map(token => ({...token.dataset, box: token.getBoundingClientRect()})) : [];
  drawBoxes(state);
  for (const token of tokens()) {
    const {key, place, task} = token.dataset;
    if (old.some(one => one.key === key)) continue;
    token.classList.add('fresh');
    const from = COMES_FROM[place].map(place => old.find(one => one.place === place && one.task === task)).find(Boolean);
    if (!from || !isNext || isStill.matches) continue;
    const to = token.getBoundingClientRect();
    const shift = `translate(${from.box.x - to.x}px, ${from.box.y - to.y}px)`;
    token.animate([{transform: shift}, {transform: 'none'}], {duration: 260, easing: 'ease-out'});
  }
}

// Lanes: drawn once. Gives the elements, and what tells them where we are.
function makeLanes(run, which, end, ticks) {
  const place = (element, from, to) => {
    element.style.left = 100 * from / (end || 1) + '%';
    if (to !== undefined) element.style.width = 100 * (to - from) / (end || 1) + '%';
    return element;
  };
  const axis = el('div.axis', ...ticks.map(([t, words]) => place(el('span', words), t)));
  const lanes = which.map(number => {
    const {name, task, depth, bars} = run.lanes[number];
    const label = el(number ? 'span' : 'b', ...task ? [el('b', task), ' '] : [], name);
    label.style.paddingLeft = (at.run < 0 ? 0 : 12 * depth) + 'px';
    const drawn = bars.map(([state, from, to]) => place(el('div.bar.' + states[state][0], el('i')), from, to));
    const word = el('em'), cursor = el('div.cursor');
    return {number, bars, drawn, word, cursor, element: el('div.lane', label, word, el('div', ...drawn, cursor))};
  });
  // At a step; or, without one, at a time.
  const show = (t, step, stateOf) => lanes.forEach(({number, bars, drawn, word, cursor}) => {
    bars.forEach(([, from, to, first, last], i) => {
      const isLater = step === null ? t < from : step < first;
      const isPast = step === null ? t >= to : step >= last;
      drawn[i].dataset.now = isLater ? 'later' : isPast ? 'past' : 'now';
      const share = isLater ? 0 : isPast || from === to ? 1 : (t - from) / (to - from);
      drawn[i].firstChild.style.width = 100 * share + '%';
    });
    const [className, ours, threads] = states[stateOf(number, bars)];
    word.className = className;
    word.textContent = number ? ours : threads;
    place(cursor, Math.min(t, end));
  });
  return {elements: [axis, ...lanes.map(lane => lane.element)], show};
}

// Source: drawn once. Gives what marks its lines.
function makeSource(run, panel) {
  const lines = new Map();
  const isMarked = at.run < 0;
  run.source.forEach(({file, first, lines: texts, differs}, i) => {
    const isSame = i && run.source[i - 1].file === file;
    panel.append(isSame ? el('hr') : el('h2', file, el('span', isMarked ? 'marked: what differs' : '')));
    texts.forEach((text, j) => {
      const kind = isMarked && differs.includes(j) ? 'pre.differs' : 'pre';
      const line = el(kind, el('b', String(first + j)), el('span', text));
      lines.set(`${file}:${first + j}`, line);
      panel.append(line);
    });
  });
  if (!run.source.length) panel.append(el('h2', 'Source'), el('p.faint', 'It is not at hand.'));
  return marks => {
    panel.querySelectorAll('.note').forEach(note => note.remove());
    panel.querySelectorAll('.current').forEach(line => line.classList.remove('current'));
    for (const [place, words, className] of marks.filter(mark => lines.has(mark[0]))) {
      const line = lines.get(place);
      if (words) line.lastChild.append(el('span.note.' + className, words));
      if (className === 'waits') continue;
      line.classList.add('current');
      const top = line.offsetTop - panel.offsetTop - panel.scrollTop;
      if (top < 0 || top + line.offsetHeight > panel.clientHeight) panel.scrollTop += top - panel.clientHeight / 2;
    }
  };
}

function drawOne(isNext) {
  const run = runs[at.run];
  const shown = isAsked ? Math.max(0, at.step - 1) : at.step;
  const state = run.states[shown];
  const where = `step ${at.step + 1} of ${run.steps.length}`;
  $('one').classList.toggle('asked', isAsked);
  drawSentence(run.steps[at.step], state);
  drawMoving(run.states[shown - 1], state, isNext);
  run.show(state.t, shown, number => state.words[number] ?? 0);
  aside('lanes', state.count || 'on the clock');
  run.mark(state.marks);
  drawFooter(state.clock, at.step + 1, where, `${where}, at ${state.clock}`);
  $('back').disabled = $('turnback').disabled = at.step === 0 && !isAsked;
  $('next').disabled = $('turn').disabled = at.step === run.steps.length - 1 && !isAsked;
}

function drawCompare() {
  const [, say, each] = data.moments.findLast(([t]) => t <= at.t) ?? data.moments[0];
  $('sentence').className = '';
  $('sentence').replaceChildren(el('p', say));
  runs.forEach((run, i) => {
    const isOver = at.t >= run.end;
    run.what.replaceChildren(...rich(run.why || each[i][1]));
    run.clock.className = isOver && !run.stuck ? 'clock works' : 'clock';
    run.clock.textContent = isOver ? (run.stuck ? '✗ ' : '✓ ') + run.took : spell(at.t);
    run.show(at.t, null, (number, bars) => {
      const bar = bars.findLast(([, from]) => from <= at.t);
      const isIn = bar && (at.t < bar[2] || isOver && run.stuck);
      return isIn ? bar[0] : bar || isOver ? 6 : 0;
    });
  });
  const where = `${spell(at.t)} of ${spell(data.end)}`;
  drawFooter(spell(at.t), data.end ? 1000 * at.t / data.end : 0, where, where);
  $('back').disabled = at.t <= 0;
  $('next').disabled = at.t >= data.end;
}

function drawFooter(clock, value, where, valueText) {
  $('clock').textContent = clock;
  $('slider').value = value;
  $('slider').setAttribute('aria-valuetext', valueText);
  $('count').textContent = where;
  const address = at.run < 0 ? `#compare&t=${+at.t.toFixed(9)}` : `#run=${at.run + 1}&step=${at.step + 1}`;
  if (location.hash !== address) history.replaceState(null, '', address);
}

// Another run, or all: what is drawn once.
function open(run) {
  at.run = run;
  isAsked = false;
  const isOne = run >= 0;
  for (const id of ['one', 'asking', 'turnback', 'turn']) $(id).hidden = !isOne;
  $('compare').hidden = isOne;
  for (const tab of $('tabs').children) tab.setAttribute('aria-pressed', tab.value == run);
  $('next').textContent = isOne ? 'Next step ▶' : 'Next change ▶';
  isOne ? openOne(runs[run]) : openCompare();
}

function openOne(run) {
  const {elements, show} = makeLanes(run, [...run.lanes.keys()], run.end, run.ticks);
  fill('lanes', ...elements);
  $('source').replaceChildren();
  Object.assign(run, {show, mark: makeSource(run, $('source'))});
  let labelled = -1, clock;
  const count = run.steps.length;
  $('cells').className = count > 80 ? 'tight' : '';
  $('cells').replaceChildren(...run.states.map((state, i) => {
    const cell = el('i.' + (state.many ? 'many' : state.kind), state.ask && $('ask').checked ? '?' : '');
    const isLabelled = state.clock !== clock && (labelled < 0 || (i - labelled) / count > 0.08);
    clock = state.clock;
    if (isLabelled) {
      labelled = i;
      cell.classList.add('moved');
      cell.append(el('small', 'steps at ' + clock));
    }
    return cell;
  }));
  Object.assign($('slider'), {min: 1, max: count, step: 1});
  // So that the thumb stands in the middle of a cell.
  Object.assign($('slider').style, {left: `calc(${50 / count}% - 8px)`, width: `calc(${100 - 100 / count}% + 16px)`});
}

function openCompare() {
  const isTwo = runs.length === 2;
  $('compare').className = isTwo ? '' : 'rows';
  const cards = runs.map((run, i) => {
    const {elements, show} = makeLanes(run, run.brief, data.end, data.ticks);
    const what = el('span.what'), clock = el('span');
    Object.assign(run, {what, clock, show});
    const head = el('h2', run.title, what, clock, button(() => go(i, 0), 'step through'));
    return el('section.run.box', head, ...elements.slice(isTwo || !i ? 0 : 1));
  });
  const panels = isTwo ? runs.map(() => el('section.box.code')) : [];
  panels.forEach((panel, i) => makeSource(runs[i], panel));
  $('compare').replaceChildren(...cards, ...panels);
  $('cells').replaceChildren();
  Object.assign($('slider'), {min: 0, max: 1000, step: 'any'});
  Object.assign($('slider').style, {left: '-8px', width: 'calc(100% + 16px)'});
}

// Ways to go.

function go(run, step, isNext = false) {
  if (run !== at.run) open(run);
  const {steps, answered} = runs[run];
  at.step = Math.min(Math.max(Math.trunc(step) || 0, 0), steps.length - 1);
  verdict = '';
  isAsked = isNext && $('ask').checked && !!steps[at.step].ask && !answered.has(at.step);
  drawOne(isNext);
}

function goTo(t) {
  if (at.run !== -1) open(-1);
  at.t = Math.min(Math.max(t, 0), data.end);
  drawCompare();
}

function choose(answer) {
  const [, answers, right] = runs[at.run]?.steps[at.step].ask ?? [];
  if (!isAsked || answer >= answers.length) return;
  runs[at.run].answered.add(at.step);
  isAsked = false;
  verdict = answer === right ? '✓ Right: ' : `✗ Not “${answers[answer]}”, but: `;
  drawOne(true);
  $($('next').disabled ? 'back' : 'next').focus();
}

// A question that is not answered is passed over.
const next = () => at.run < 0 ? goTo(data.moments.find(([t]) => t > at.t)?.[0] ?? data.end)
  : isAsked ? go(at.run, at.step) : go(at.run, at.step + 1, !$('next').disabled);
const back = () => at.run < 0 ? goTo(data.moments.findLast(([t]) => t < at.t)?.[0] ?? 0) : go(at.run, at.step - 1);
const toEnd = isLast => at.run < 0 ? goTo(isLast ? data.end : 0) : go(at.run, isLast ? Infinity : 0);

function turn(direction) {
  if (at.run < 0) return direction < 0 ? back() : next();
  const all = runs[at.run].states;
  const starts = [...all.keys()].filter(i => !i || all[i].turn !== all[i - 1].turn);
  go(at.run, direction < 0 ? starts.findLast(i => i < at.step) ?? 0 : starts.find(i => i > at.step) ?? Infinity);
}

function stop() {
  clearTimeout(playing);
  playing = 0;
  $('play').textContent = 'Play';
}

function play() {
  if (playing) return stop();
  if ($('next').disabled) toEnd(false);
  $('play').textContent = 'Pause';
  // All runs: as long as the longest, if one can sit through that.
  const speed = data.end / Math.min(Math.max(data.end, 3), 12) / 1000;
  let then = performance.now() + 300;
  const beat = () => {
    const passed = performance.now() - then;
    then += passed;
    at.run < 0 ? goTo(at.t + speed * passed) : next();
    isAsked || $('next').disabled ? stop() : playing = setTimeout(beat, at.run < 0 ? 16 : 1200);
  };
  playing = setTimeout(beat, 300);
}

const KEYS = {
  ArrowRight: next, n: next, ArrowLeft: back, p: back, Home: () => toEnd(false), End: () => toEnd(true),
  'Shift ArrowRight': () => turn(1), 'Shift ArrowLeft': () => turn(-1),
  1: () => choose(0), 2: () => choose(1), 3: () => choose(2), 4: () => choose(3),
  '?': () => $('asking').hidden || $('ask').click(),
};

document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  // A button that has the focus is pressed by the space bar, as everywhere.
  const isPlay = event.key === ' ' && !event.target.closest('button, #ask');
  const isShifted = event.shiftKey && event.key.startsWith('Arrow');
  const act = isPlay ? play : KEYS[(isShifted ? 'Shift ' : '') + event.key];
  if (!act) return;
  event.preventDefault();
  isPlay || stop();
  act();
});

const BUTTONS = {next, back, turn: () => turn(1), turnback: () => turn(-1)};
for (const id in BUTTONS) $(id).onclick = () => { stop(); BUTTONS[id](); };
$('play').onclick = play;
$('slider').oninput = ({target}) => {
  stop();
  at.run < 0 ? goTo(data.end * target.value / 1000) : go(at.run, target.value - 1);
};
$('ask').onchange = () => { openOne(runs[at.run]); go(at.run, at.step); };

function readAddress() {
  const address = new URLSearchParams(location.hash.slice(1));
  // A page with one run needs no number for it.
  const run = (address.get('run') ?? address.has('step')) - 1;
  stop();
  if (runs[run]) go(run, address.get('step') - 1);
  else if (runs.length > 1 && !data.last) goTo(+address.get('t') || 0);
  else go(0, data.last ? Infinity : 0);
}

[...runs.length > 1 ? ['side by side'] : [], ...runs.map(run => run.title)].forEach((name, i) => {
  const run = runs.length > 1 ? i - 1 : i;
  const tab = button(() => { stop(); run < 0 ? goTo(0) : go(run, 0); }, name);
  $('tabs').append(Object.assign(tab, {value: run}));
});
document.title = data.title;
$('banner').textContent = data.banner;
$('banner').hidden = !data.banner;
readAddress();
addEventListener('hashchange', readAddress);
