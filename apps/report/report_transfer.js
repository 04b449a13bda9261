// Tables of what continuing was worth: budgets, frontiers, crossings and growth; both laws on both
// sets; the matrix of source and target languages; the sizes with their real parameters.
(() => {
  'use strict';
  const {
    element,
    fill,
    isNumber,
    none,
    count,
    digits,
    power,
    whole,
    loss,
    percent,
    interval,
    withInterval,
    language
  } = crosslaw.format;
  const {tableOf, estimateCell, share, tokens, small, heading} = crosslaw.pieces;

  function budgets(transfer) {
    if (!transfer.budgets.length) return [];
    return [
      heading('Saved at equal size and loss'),
      tableOf(
          'Shares saved by budget', ['D/N', 'sizes', 'measured', 'by the laws', 'continuing'],
          transfer.budgets.map(
              (b) =>
                  [digits(b.tokens_per_param), whole(b.sizes),
                   share(b.measured_saved_share, b.measured_saved_share_ci95),
                   share(b.law_saved_share, b.law_saved_share_ci95), b.verdict])),
      small(
          'Means over the sizes; measured ones leave out losses beyond those from scratch. “cannot tell”: the intervals do not all lie on one side of zero.'),
    ];
  }

  function frontiers(transfer) {
    if (!transfer.frontier.length) return [];
    return [
      heading('Saved between the frontiers'),
      tableOf(
          'Shares saved between the frontiers',
          ['C, 6ND FLOPs', 'lowest losses', 'by the laws', 'loss, continued less scratch'],
          transfer.frontier.map(
              (f) =>
                  [power(f.flops), share(f.measured_saved_share, f.measured_saved_share_ci95),
                   share(f.law_saved_share, f.law_saved_share_ci95),
                   withInterval(f.loss_difference, f.loss_difference_ci95, (x) => loss(x, 4))])),
      small(
          'Each strategy at its best size: the compute from scratch that reaches the loss of the continued frontier.'),
    ];
  }

  function crossings(transfer) {
    const known =
        transfer.crossings.filter((c) => isNumber(c.measured_tokens) || isNumber(c.law_tokens));
    if (!known.length) return [];
    const step = Math.max(1, Math.floor((known.length - 1) / 4));
    const shown = known.filter((_, i) => i % step === 0 || i === known.length - 1);
    return [
      heading('Where scratch and continued are equal'),
      tableOf(
          'Crossings', ['N', 'measured at D', 'by the laws at D', 'better below'],
          shown.map(
              (c) =>
                  [count(c.params), tokens(c.measured_tokens, c.measured_tokens_ci95),
                   tokens(c.law_tokens, c.law_tokens_ci95),
                   c.law_tokens_ci95 ? c.continued_better_below ? 'continued' : 'scratch' : none])),
    ];
  }

  function growth(transfer) {
    const grown = transfer.growth || {};
    const one = (g, how) => {
      if (!g) return null;
      const two = (x) => digits(x, 2);
      const ends = (name) => interval(g[`${name}_exponent_ci95`], two) || 'without an interval';
      return element(
          'p', {}, 'Transferred data grow as D', element('sup', {}, two(g.tokens_exponent)), ' N',
          element('sup', {}, two(g.params_exponent)),
          ` (${how}, ${whole(g.points)} points; of D ${ends('tokens')}, of N ${ends('params')}).`);
    };
    const made = [one(grown.measured, 'measured'), one(grown.law, 'by the laws')].filter(Boolean);
    return made.length ? [heading('Growth of transferred data'), ...made] : [];
  }

  // From how many languages on one source model has paid for itself, at the most tokens.
  function languages(transfer) {
    const rows = transfer.rows.filter((row) => isNumber(row.law_repaid_share));
    if (!rows.length) return [];
    const last = rows.reduce(
        (a, b) => (b.params > a.params || (b.params === a.params && b.tokens > a.tokens) ? b : a));
    const repaid = last.law_repaid_share, ends = last.law_repaid_share_ci95;
    const words = repaid > 0 ?
        `One language repays ${
            withInterval(
                repaid, ends, (x) => percent(x))} of the tokens that its source model had seen` :
        'Nothing of the source model is repaid';
    return [
      heading('The source model’s own cost'),
      element(
          'p', {}, `${words} (the largest size, ${count(last.tokens)} target tokens, by the laws).`)
    ];
  }

  function transferPart(context) {
    const transfer = context.pair.transfer;
    if (!transfer) return fill('transfer-tables');
    fill(
        'transfer-tables', element('p', {class: 'statement'}, transfer.sentence),
        transfer.doubt ?
            small(`The laws’ side goes by a fit that is not identifiable: ${transfer.doubt}`) :
            [],
        budgets(transfer), frontiers(transfer), crossings(transfer), growth(transfer),
        languages(transfer));
  }

  function contrastPart(context) {
    const contrast = context.pair.contrast;
    if (!contrast || !(contrast.laws || []).length) return fill('contrast-table');
    fill(
        'contrast-table', heading('Both laws on both sets'),
        tableOf(
            'Both laws on both sets',
            ['Law and runs', 'Points', 'rms', 'mean |error|', 'mean Huber', 'γ'],
            contrast.laws.map((law) => {
              const gamma = law.gamma || {};
              return [
                `${law.law}, ${law.runs}`, whole(law.points), percent(law.rms, 3),
                percent(law.mean_error, 3), isNumber(law.huber) ? law.huber.toExponential(2) : none,
                withInterval(gamma.value, gamma.ci95, (x) => digits(x, 2))
              ];
            })),
        contrast.sentence ? element('p', {}, contrast.sentence) : [],
        (contrast.problems || []).length ?
            element(
                'ul', {class: 'origin'}, contrast.problems.map((text) => element('li', {}, text))) :
            []);
  }

  // Each language's own exponents, and its own E, A and B where the exponents are those of all.
  function pooled(law) {
    if (!law || !(law.languages || []).length) return [];
    const shown = (row, name, show) => estimateCell(row[name], row[`${name}_ci95`], show);
    const three = (x) => digits(x, 3);
    return [
      heading('One law for all languages'),
      tableOf(
          'Laws of the languages',
          ['Language', 'α alone', 'β alone', 'E', 'A', 'B', 'rms alone', 'rms pooled'],
          law.languages.map(
              (row) =>
                  [language(row.language), shown(row, 'alpha', three), shown(row, 'beta', three),
                   shown(row, 'E', three), shown(row, 'A', three), shown(row, 'B', three),
                   percent(row.rms, 2), percent(row.pooled_rms, 2)])),
      element('p', {}, law.sentence),
      small('E, A and B with α and β held at the pooled values.'),
    ];
  }

  // A cell is the bluer the more is saved, the more orange the more continuing costs.
  function matrixPart(context) {
    const matrix = context.data.matrix || {};
    const cells = matrix.cells || [];
    crosslaw.drawing.showSection('matrix', cells.length > 1, 'fewer than two pairs of languages');
    if (cells.length < 2) return fill('matrix-table');
    fill('pooled-table', pooled(context.data.pooled));
    const most = Math.max(...cells.map((cell) => Math.abs(cell.saved_share || 0))) || 1;
    const shown = (cell) => {
      if (!cell) return null;
      const kind = cell.saved_share < 0 ? 'scratch' : 'continued';
      const bits = isNumber(cell.continued_bits_per_byte) ?
          `; ${loss(cell.continued_bits_per_byte, 3)} bits a byte continued, ${
              loss(cell.scratch_bits_per_byte, 3)} from scratch` :
          '';
      return {
        text: `${withInterval(cell.saved_share, cell.saved_share_ci95, (x) => percent(x))}${bits}`,
        title: `${cell.strategy}, ${digits(cell.tokens_per_param)} tokens a parameter: ${
            cell.verdict}`,
        'data-share': cell.saved_share,
        style: `background: color-mix(in srgb, var(--${kind}) ${
            Math.round(38 * Math.abs(cell.saved_share || 0) / most)}%, var(--panel))`
      };
    };
    fill(
        'matrix-table',
        tableOf(
            'Transfer matrix', ['from \\ to', ...matrix.targets.map(language)],
            matrix.sources.map(
                (source) =>
                    [language(source),
                     ...matrix.targets.map(
                         (target) => shown(cells.find(
                             (c) => c.source_language === source && c.language === target)))])));
  }

  function basesPart(context) {
    const bases = (context.data.bases || []).filter((b) => b && (b.rows || []).length);
    crosslaw.drawing.showSection(
        'bases', bases.length > 0, 'no strategy continues from several checkpoints of its source');
    const signed = (x) => (x > 0 ? `+${loss(x, 4)}` : loss(x, 4));
    const shown = (row, key) =>
        (isNumber(row[key]) ? withInterval(row[key], row[`${key}_ci95`], signed) : none);
    fill(
        'bases-table', bases.map((b) => element('p', {class: 'statement'}, b.sentence)),
        bases.length ?
            tableOf(
                'Base budgets',
                [
                  'Strategy', 'replay', 'D1/N', 'runs', 'mean loss', 'against the longest',
                  'exponent of D1'
                ],
                bases.flatMap(
                    (b) => b.rows.map(
                        (row, i) =>
                            [b.strategy, percent(b.replay, 0), digits(row.base_tokens_per_param),
                             whole(row.runs), loss(row.mean_loss, 4), shown(row, 'loss_difference'),
                             i ? '' : shown(b, 'delta')]))) :
            [],
        bases.length ?
            small(
                'Differences in nats a token, means over runs of equal size, tokens and seed with Student’s 95 % intervals; the exponent is that of L = E + A/N^α + B/(D^β N^γ D1^δ), fitted to all of them.') :
            []);
  }

  function sizesPart(context) {
    const sizes = context.data.sizes || [];
    const box = document.getElementById('sizes-box');
    if (!box) return;  // there is no run
    box.hidden = !sizes.length;
    if (!sizes.length) return fill('sizes-table');
    fill(
        'sizes-table',
        tableOf(
            'Sizes',
            [
              'Size', 'blocks', 'norms', 'embedding', 'unembedding', 'all parameters',
              'budgets multiply', 'FLOPs a token'
            ],
            sizes.map(
                (s) =>
                    [s.size, whole(s.blocks), whole(s.norms), whole(s.embedding),
                     whole(s.unembedding), whole(s.total), whole(s.budget),
                     power(s.flops_per_token)])));
  }

  crosslaw.parts =
      [...(crosslaw.parts || []), transferPart, contrastPart, matrixPart, basesPart, sizesPart];
})();
