// Replay of the source language: losses on each language against the compute spent on it, what each
// share of replay costs and keeps, and which share to take.
(() => {
  'use strict';
  const {
    element,
    fill,
    isNumber,
    none,
    count,
    digits,
    whole,
    loss,
    percent,
    withInterval,
    language,
    plain,
    power
  } = crosslaw.format;
  const charts = crosslaw.charts;
  const {tableOf, small} = crosslaw.pieces;

  const planOf = (context) => (context.data.replay || [])
                                  .find(
                                      (plan) => plan.strategy === context.pair.continued &&
                                          plan.language === context.pair.language);

  // All shares of replay of the strategy at hand, whichever pair they stand in.
  function curvesOf(context) {
    return context.data.pairs
        .filter(
            (pair) => pair.continued === context.pair.continued &&
                pair.language === context.pair.language)
        .flatMap((pair) => pair.language_curves || []);
  }
  const shadeOf = (plan, ratio) => {
    const at = plan.ratios.indexOf(ratio);
    return charts.shade('continued', plan.ratios.length > 1 ? at / (plan.ratios.length - 1) : 1);
  };
  const name = (ratio) => (ratio ? percent(ratio) : 'no replay');

  function lines(plan, curves, axes) {
    return plan.ratios.map((ratio) => {
      const line = {x: [], y: [], hovertext: []};
      for (const curve of curves.filter((c) => c.replay === ratio)) {
        for (const p of curve.points.filter((q) => q.flops > 0 && isNumber(q.loss))) {
          line.x.push(p.flops);
          line.y.push(p.loss);
          line.hovertext.push(
              `<b>${name(ratio)}</b>, ${plain(curve.size)}<br><b>${loss(p.loss, 4)}</b> nats in ${
                  plain(language(curve.language))}<br>${power(p.flops, 3)} FLOPs on it`);
        }
        line.x.push(null);
        line.y.push(null);
        line.hovertext.push('');
      }
      return {
        type: 'scatter',
        mode: 'lines+markers',
        name: `${axes.xaxis === 'x' ? 'target' : 'source'} ${ratio}`,
        ...line,
        ...axes,
        hoverinfo: 'text',
        connectgaps: false,
        line: {color: shadeOf(plan, ratio), width: 1.4},
        marker: {size: 4}
      };
    });
  }

  function buildReplay(context) {
    const plan = planOf(context);
    if (!plan) return {unrun: 'no strategy continues with two shares of replay'};
    // One size, or lines of unlike models would cross: the largest that has every share.
    const curves = curvesOf(context);
    const cell = plan.cells[plan.cells.length - 1];
    const own = curves.filter((curve) => curve.size === cell.size);
    const [target, source] = [own.filter((c) => !c.source), own.filter((c) => c.source)];
    const panels = charts.panels(context);
    const reach = (some) => some.flatMap((c) => c.points.map((p) => p.flops));
    const title = (code) => `${plain(language(code))} loss, nats per token`;
    fill(
        'replay-legend', `${plain(cell.size)}, ${count(cell.params)} parameters: `,
        plan.ratios.map((ratio) => {
          const dot = element('span', {class: 'dot filled'});
          dot.style.background = dot.style.borderColor = shadeOf(plan, ratio);
          return element('span', {class: 'keys'}, dot, ` ${name(ratio)}`);
        }));
    return {
      traces: [
        ...lines(plan, target, {xaxis: 'x', yaxis: 'y'}),
        ...lines(plan, source, {xaxis: 'x2', yaxis: 'y2'})
      ],
      height: charts.height(context),
      layout: charts.layout(context, {
        xaxis: charts.axis({
          type: 'power',
          over: reach(target),
          title: `exact FLOPs on ${plain(language(plan.language))}`,
          domain: panels[0].x
        }),
        yaxis: charts.axis({domain: panels[0].y, nticks: 8}),
        xaxis2: charts.axis({
          type: 'power',
          over: reach(source),
          title: `exact FLOPs on ${plain(language(plan.source_language))}`,
          domain: panels[1].x,
          anchor: 'y2'
        }),
        yaxis2: charts.axis({domain: panels[1].y, anchor: 'x2', nticks: 8}),
        annotations: [
          charts.panelTitle(panels[0], title(plan.language)),
          charts.panelTitle(panels[1], title(plan.source_language))
        ],
      }),
      table: () => ({
        columns: ['language', 'replay', 'size', 'seed', 'flops', 'tokens', 'loss', 'end'],
        rows: curves.flatMap(
            (c) => c.points.map(
                (p) => [c.language, c.replay, c.size, c.seed, p.flops, p.tokens, p.loss, p.end]))
      }),
    };
  }

  // Target loss against source loss, a line a size at its most tokens; the best corner is below
  // left.
  function lastCells(plan) {
    const last = new Map();
    for (const cell of plan.cells) last.set(cell.size, cell);
    return [...last.values()];
  }
  function buildFront(context) {
    const plan = planOf(context);
    if (!plan) return {hidden: true};
    const cells = lastCells(plan);
    const traces = cells.flatMap((cell) => {
      const rows = cell.ratios.filter((r) => isNumber(r.source_loss) && isNumber(r.target_loss));
      const colour = context.scale.shadeOf('continued', cell.params);
      const bars = (key) => ({
        type: 'data',
        symmetric: false,
        array: rows.map((r) => (r[`${key}_ci95`] ? r[`${key}_ci95`][1] - r[key] : 0)),
        arrayminus: rows.map((r) => (r[`${key}_ci95`] ? r[key] - r[`${key}_ci95`][0] : 0)),
        width: 0,
        thickness: 1,
        color: colour
      });
      return [{
        type: 'scatter',
        mode: 'lines+markers',
        name: 'front',
        x: rows.map((r) => r.source_loss),
        y: rows.map((r) => r.target_loss),
        error_x: bars('source_loss'),
        error_y: bars('target_loss'),
        hoverinfo: 'text',
        hovertext: rows.map(
            (r) => `<b>${name(r.ratio)}</b>, ${plain(cell.size)}<br>${
                       plain(language(plan.language))} ${loss(r.target_loss, 4)}, ` +
                `${plain(language(plan.source_language))} ${
                       loss(r.source_loss, 4)}<br>on the front in ${
                       percent(r.share_on_front, 0)} of the worlds`),
        line: {color: colour, width: 1.2},
        marker: {
          size: 8,
          color: rows.map((r) => (r.on_front ? colour : charts.colour('panel'))),
          line: {width: 1.6, color: colour}
        }
      }];
    });
    return {
      traces,
      height: charts.height(context, 1),
      layout: charts.layout(context, {
        xaxis:
            charts.axis({title: `${plain(language(plan.source_language))} loss, nats per token`}),
        yaxis: charts.axis({nticks: 8}),
        annotations: [charts.panelTitle(
            {x: [0, 1], y: [0, 1]}, `${plain(language(plan.language))} loss at equal compute`)]
      }),
      table: () => ({
        columns: ['size', 'tokens', 'ratio', 'target_loss', 'source_loss', 'rise', 'on_front'],
        rows: plan.cells.flatMap(
            (cell) => cell.ratios.map(
                (r) =>
                    [cell.size, cell.tokens, r.ratio, r.target_loss, r.source_loss, r.rise,
                     r.on_front]))
      }),
    };
  }

  function replayPart(context) {
    const plan = planOf(context);
    if (!plan) return fill('replay-table');
    const most = percent(plan.ratios[plan.ratios.length - 1]);
    const least = (ratio, known) => (isNumber(ratio) ? percent(ratio) : known ? `> ${most}` : none);
    const sum = (cell, key) => withInterval(cell[key], cell[`${key}_ci95`], (x) => percent(x));
    const surely = `within ${digits(plan.within, 2)} nats, surely`;
    fill(
        'replay-table', element('p', {class: 'statement'}, plan.sentence),
        tableOf(
            'Shares of replay to choose',
            [
              'Size', 'tokens', 'D/N', 'start', surely, 'by the laws', 'likely',
              'least weighted sum', 'by the laws'
            ],
            plan.cells.map((cell) => {
              const start = isNumber(cell.start_loss);
              const law = Boolean(plan.laws) && start;
              return [
                cell.size, count(cell.tokens), digits(cell.tokens_per_param),
                loss(cell.start_loss, 4), least(cell.safe_ratio, start),
                least(cell.law_safe_ratio, law), least(cell.middle_ratio, start),
                sum(cell, 'best_ratio'), sum(cell, 'law_best_ratio')
              ];
            })),
        small(
            `All shares at equal compute; tokens of both languages together. “surely”: with 95 % probability, likely: by the losses as measured. The sum weighs ${
                plain(language(plan.source_language))} with ${digits(plan.weight, 2)}. ${
                lawWords(plan)} crosslaw replay asks with other bounds, weights and sizes.`));
  }
  function lawWords(plan) {
    if (!plan.laws) return plan.no_laws ? `No laws: ${plan.no_laws}.` : '';
    const one = (code, law) => `of ${plain(language(code))} ${law.law} (${
        whole(law.points)} losses, off by ${percent(law.rms, 2)} rms)`;
    return `Laws: ${one(plan.language, plan.laws.target)}, ${
        one(plan.source_language, plan.laws.source)}.`;
  }
  function replaySource(context) {
    const plan = planOf(context);
    return plan ?
        `Scatter of one loss: ${percent(plan.noise.sd, 2)}, from ${plan.noise.from}. ${
            whole(plan.ratios.length)} shares of replay; without replay no compute is spent on ${
            plain(language(plan.source_language))}, so it has no line on the right.` :
        '';
  }

  crosslaw.drawing.figure('replay', buildReplay);
  crosslaw.drawing.figure('front', buildFront);
  crosslaw.parts = [...(crosslaw.parts || []), replayPart];
  crosslaw.sources.replay = replaySource;
})();
