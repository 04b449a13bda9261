// Draws the figures, one after the other; their buttons, their numbers as CSV, sections that are
// not shown, and the record of what was drawn.
(() => {
  'use strict';
  const {element, fill} = crosslaw.format;
  const figures = new Map();
  const status =
      {rendered: [], missing: {}, errors: crosslaw.errors, readable: null, milliseconds: null};

  function save(name, text, type) {
    const link =
        element('a', {href: URL.createObjectURL(new Blob([text], {type})), download: name});
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
  const cell = (value) => {
    if (value === null || value === undefined) return '';
    // Text that a spreadsheet would run as a formula gets a leading quote.
    const text =
        typeof value === 'string' ? value.replace(/^(?=[=+\-@\t\r])/, '\'') : String(value);
    return /[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  };
  const csv =
      (table) => [table.columns, ...table.rows].map((row) => row.map(cell).join(',')).join('\n') +
      '\n';

  function tools(id) {
    const plot = document.getElementById(`plot-${id}`);
    const image = (format) => () => Plotly.downloadImage(plot, {
      format,
      filename: `crosslaw-${id}`,
      width: Math.max(900, plot.clientWidth),
      height: plot.clientHeight,
      scale: format === 'png' ? 2 : 1,
    });
    const button = (label, title, onclick) =>
        element('button', {type: 'button', class: 'quiet', title, onclick}, label);
    // A finger that drags across a plot means to scroll the page, so there zooming is asked for; a
    // mouse zooms.
    const touch = window.matchMedia('(pointer: coarse)').matches;
    const [mode, usual, label, title] = touch ?
        ['zoom', false, 'Zoom', 'Drag to zoom in'] :
        ['pan', 'zoom', 'Pan', 'Drag to move; otherwise dragging zooms in'];
    const drag = button(label, title, () => {
      const on = drag.getAttribute('aria-pressed') !== 'true';
      drag.setAttribute('aria-pressed', String(on));
      Plotly.relayout(plot, {dragmode: on ? mode : usual});
    });
    drag.setAttribute('aria-pressed', 'false');
    return element(
        'div', {class: 'tools', role: 'group', 'aria-label': 'This figure'}, drag,
        button(
            'Reset', 'Back to the whole figure',
            () => {
              drag.setAttribute('aria-pressed', 'false');
              redraw(id, figures.get(id).context, true);
            }),
        button('PNG', 'Save this figure as a picture', image('png')),
        button('SVG', 'Save this figure as a drawing', image('svg')),
        button(
            'CSV', 'Save the numbers of this figure',
            () => save(`crosslaw-${id}.csv`, csv(figures.get(id).table()), 'text/csv')));
  }
  // Zoomed in far, prepared labels run out: plotly then makes its own.
  function mindTicks(plot) {
    plot.on('plotly_relayout', (change) => {
      const update = {};
      for (const [name, axisNow] of Object.entries(plot.layout)
               .filter(([key, value]) => /^[xy]axis/.test(key) && value.tickvals)) {
        const mode = axisNow.range[1] - axisNow.range[0] < 0.5 ? 'auto' : 'array';
        if (`${name}.tickmode` in change || axisNow.tickmode === mode || axisNow.type !== 'log')
          continue;
        update[`${name}.tickmode`] = mode;
      }
      if (Object.keys(update).length) Plotly.relayout(plot, update);
    });
  }

  // A section for which nothing was run is not there, nor is its link; the last section says why.
  const unrun = new Map();
  function showSection(id, shown, why) {
    const section = document.getElementById(id), name = section.dataset.nav;
    section.hidden = !shown;
    const link = document.querySelector(`#sections a[href="#${id}"]`);
    if (link) link.hidden = !shown;
    if (shown || !why)
      unrun.delete(name);
    else
      unrun.set(name, why);
    fill(
        'not-shown',
        unrun.size ?
            `Not shown, for nothing of the kind was run: ${
                    [...unrun].map(([title, reason]) => `${title} (${reason})`).join('; ')}.` :
            '');
  }

  // build(context) gives {traces, layout, height, table}, or {missing: "a sentence"} where
  // something is not there yet, or {unrun: "why"} where nothing was run: then its section is
  // hidden.
  function figure(id, build) {
    figures.set(id, {build, table: () => ({columns: [], rows: []}), context: null, tools: null});
  }

  function showMissing(plot, id, why) {
    if (plot.data) Plotly.purge(plot);
    plot.classList.add('missing');
    plot.removeAttribute('role');
    plot.style.height = '';
    fill(plot.id, element('p', {}, why));
    status.missing[id] = why;
  }

  // Plotly waits as text until the words and tables stand; as a script it is checked like any
  // other.
  let library = null;
  function loadLibrary() {
    library = library || new Promise((loaded) => {
                const compile = () => setTimeout(() => {
                  status.readable = Math.round(performance.now());
                  const source = document.getElementById('plotly-source').textContent;
                  document.head.append(element('script', {}, source));
                  loaded();
                }, 20);
                if (document.readyState === 'loading') {
                  document.addEventListener('DOMContentLoaded', compile);
                } else {
                  compile();
                }
              });
    return library;
  }

  async function redraw(id, context, afresh = false) {
    await loadLibrary();
    await draw(id, context, afresh);
  }
  // Everything but the promise of plotly happens at once: a page about to be printed cannot wait.
  async function draw(id, context, afresh) {
    const entry = figures.get(id), plot = document.getElementById(`plot-${id}`);
    entry.context = context;
    delete status.missing[id];
    status.rendered = status.rendered.filter((name) => name !== id);
    try {
      const made = typeof Plotly === 'undefined' ? {missing: 'The drawing library did not load.'} :
                                                   entry.build(context);
      if (!entry.tools) plot.after(entry.tools = tools(id));
      entry.tools.hidden = Boolean(made.missing || made.hidden || made.unrun);
      plot.hidden = Boolean(made.hidden || made.unrun);
      if (made.hidden) return;
      showSection(plot.closest('section').id, !made.unrun, made.unrun);
      if (made.unrun) {
        status.missing[id] = made.unrun;
        return;
      }
      if (made.missing) return showMissing(plot, id, made.missing);
      if (plot.classList.contains('missing')) fill(plot.id);
      plot.classList.remove('missing');
      plot.setAttribute('role', 'img');
      plot.setAttribute('aria-label', plot.dataset.alt);
      entry.table = made.table;
      plot.style.height = `${made.height}px`;
      // No tool bar of plotly's: its buttons could send the data to a server.
      const config = {
        responsive: true,
        displaylogo: false,
        displayModeBar: false,
        plotlyServerURL: '',
        doubleClick: 'reset'
      };
      if (afresh && plot.data) Plotly.purge(plot);
      const first = !plot.data;
      await Plotly.react(plot, made.traces, made.layout, config);
      if (first) mindTicks(plot);
      status.rendered.push(id);
    } catch (error) {
      crosslaw.note(`figure ${id}: ${error && error.message}`);
      showMissing(plot, id, 'This figure could not be drawn from the data of this report.');
    }
  }

  function publish() {
    status.milliseconds = Math.round(performance.now());
    document.getElementById('crosslaw-status').textContent =
        JSON.stringify(status).replace(/</g, '\\u003c');
    document.documentElement.dataset.plots = String(status.rendered.length);
    document.documentElement.dataset.errors = String(status.errors.length);
  }
  // For printing: the figures as wide as paper, without waiting for anything.
  function drawNow(context) {
    if (typeof Plotly === 'undefined') return;
    for (const id of figures.keys()) draw(id, context, false);
  }
  // One figure a task: the page can be read and scrolled while the lower ones are still drawn.
  let round = 0;
  async function drawAll(context) {
    const mine = ++round;
    delete document.documentElement.dataset.plots;
    for (const id of figures.keys()) {
      await new Promise((done) => setTimeout(done, 0));
      if (mine !== round) return;
      await redraw(id, context);
    }
    publish();
  }

  crosslaw.drawing = {figure, showSection, redraw, drawNow, drawAll, publish, csv, save};
})();
