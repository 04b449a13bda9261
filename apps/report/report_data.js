// Reads the data in #crosslaw-data (schema 1). Every number stands in them: scripts scale, place
// and write numbers, they make none.
//   name, generated (ISO 8601), crosslaw (version), command,
//   conventions{params, flops, loss}: sentences,
//   answer{flops, compute, lines[], pairs[{language, source_language, replay, advice: continue|
//     scratch|cannot tell|one way|none, fit, reason, refused, loss_difference, strategy, params,
//     tokens, tokens_per_param, each number with _ci95}], warnings[]}: what to do at one budget,
//   totals{runs, done, diverged, failed, pending, running, sizes, params[2], strategies, tokens,
//     flops, compute_seconds, wall_seconds, devices[]},
//   problems[]: sentences,
//   strategies[{name, language, from, replay, kind: source|scratch|continued}],
//   loss{compute (what C is, as the axis says), curves[{strategy, replay, language, size, params,
//     seed, points[{tokens, flops, loss, end}]}]: losses on the strategy's own language; `end`
//     marks the end of a schedule. Points stand in the order of the run; where tokens step back, or
//     after an end, a new line begins. frontiers[{strategy, replay, coefficient, exponent,
//     exponent_ci95, floor (null: a straight power law), floor_ci95, mean_distance,
//     lowest[{tokens, flops, loss}], line[{flops, loss}]}]},
//   pairs[{language, source_language, scratch, continued (names of strategies), replay, headline,
//     headline_pattern (the same with {source} and {target}), chosen{fit, reason},
//     fits[{name, subject: scratch|continued|both, law, points, objective, identifiable,
//       coefficients{E: {value, se, ci95[2], held}, ...}, rms_residual, problems[], condition,
//       starts, starts_at_best}],
//     savings[{size, params, tokens, tokens_per_param, flops, loss, scratch_tokens, scratch_flops,
//       saved_fraction, transferred_tokens, each with _ci95, extrapolated}],
//     transfer{fit, reason, sentence, noise, rows[], budgets[], growth{measured, law}, crossings[],
//       frontier[]}: as crosslaw transfer --json, null without continued runs,
//     contrast{sentence, laws[{law, runs, points, rms, mean_error, huber, gamma{value, ci95}}],
//       gamma_scratch, gamma_continued, gamma_difference, problems[]},
//     language_curves[{strategy, language, source, replay, size, params, seed, points[{flops (on
//       this language alone), tokens, loss, end}]}],
//     savings_law[{params, tokens, tokens_per_param, saved_fraction, ci95, transferred_tokens,
//       transferred_tokens_ci95}],
//     forgetting{models[{strategy, language, size, params, seed, start_loss, points[{tokens, loss,
//       end}]}], rise{ends, least, mean, most}, growth{ends, constant, params_exponent,
//       tokens_exponent, with _ci95}}: losses on the source language while continuing,
//     contours{compute, levels{low, high, start, step}, surfaces[{strategy, params[], flops[],
//       loss[row of params][column of flops], frontier[{flops, params, params_ci95}],
//       ratios[{tokens_per_param, line[{flops, params}]}],
//       measured[{flops, params}]: a closed outline}]},
//     allocation{compute, rows[{flops, scratch{params, tokens, loss, each with _ci95, nearest_size,
//       nearest_params}, continued{the same}, loss_difference, warnings[]}],
//       growth[{strategy, params_constant, params_exponent, tokens_constant, tokens_exponent,
//       exponents with _ci95}]: N* and D* over C},
//     residuals{rows[{strategy, size, params, tokens, observed, predicted, residual}],
//       spread[{strategy, points, rms}]}}],
//   matrix{sources[], targets[], cells[{source_language, language, strategy, replay,
//     tokens_per_param, saved_share, saved_share_ci95, by_law, verdict, scratch_bits_per_byte,
//     continued_bits_per_byte}]},
//   replay[{strategy, language, source_language, sentence, within, weight, ratios[], noise,
//   cells[]}]:
//     as crosslaw replay --json,
//   scores{sentence, rows[{set, strategy, kind, language, replay, size, params, tokens, loss,
//     questions, plain, by_byte, each with _ci95, largest, relative}]},
//   pooled{sentence, alpha, beta with _ci95, heterogeneity, freedom, chance, languages[{language,
//     points, alpha, beta, E, A, B, each with _ci95, rms, pooled_rms}]}: null for one language,
//   bases[{strategy, language, source_language, replay, sentence, rms, delta, rows[{
//     base_tokens_per_param, runs, mean_loss, loss_difference}], with _ci95}],
//   texts{sentence, texts[{language, shared_50_bytes, shared_13_tokens, shared_passages, documents,
//     first_document, train_is, train_foreign, valid_is, valid_foreign}], losses[{strategy,
//     language, replay, tokens_per_param, runs, seen_share, read_share, loss, loss_seen,
//     loss_clean}]},
//   sizes[{size, embedding, unembedding, blocks, norms, total, budget, flops_per_token}],
//   runs[{name, key, strategy, size, params, tokens, outcome, loss, loss_per_byte, flops, seconds,
//     attempts, device, message}].
// Unknown is null, any array may be empty or null: each part then says what is missing.
(() => {
  'use strict';
  const {language, percent} = crosslaw.format;
  const narrow = window.matchMedia('(max-width: 760px)');
  const touch = window.matchMedia('(pointer: coarse)');

  // Every list exists and holds no null: the figures need not ask.
  function withLists(object, keys) {
    const lists = keys.map(
        (key) =>
            [key,
             object && Array.isArray(object[key]) ? object[key].filter((entry) => entry !== null) :
                                                    []]);
    return {...object, ...Object.fromEntries(lists)};
  }
  function withPoints(entries) { return entries.map((entry) => withLists(entry, ['points'])); }
  const transferLists = ['rows', 'budgets', 'crossings', 'frontier'];
  function completePair(pair) {
    const forgetting = withLists(pair.forgetting, ['models']);
    return {
      ...withLists(pair, ['fits', 'savings', 'savings_law', 'language_curves']),
      language_curves: withPoints(withLists(pair, ['language_curves']).language_curves),
      transfer: pair.transfer ? {growth: {}, ...withLists(pair.transfer, transferLists)} : null,
      forgetting: {...forgetting, models: withPoints(forgetting.models)},
      contours: withLists(pair.contours, ['surfaces']),
      allocation: withLists(pair.allocation, ['rows']),
      residuals: withLists(pair.residuals, ['rows', 'spread']),
    };
  }
  function read() {
    const json = JSON.parse(document.getElementById('crosslaw-data').textContent);
    const data = withLists(json, ['problems', 'strategies', 'pairs', 'runs', 'replay', 'sizes']);
    data.pairs = data.pairs.map(completePair);
    data.scores = withLists(data.scores, ['rows']);
    data.loss = withLists(data.loss, ['curves', 'frontiers']);
    data.loss.curves = withPoints(data.loss.curves);
    data.loss.frontiers =
        data.loss.frontiers.map((frontier) => withLists(frontier, ['lowest', 'line']));
    return data;
  }

  function contextFor(data, index) {
    const compared = index < data.pairs.length;
    // Without a pair, one strategy alone still shows its curves.
    const alone = data.strategies.find((strategy) => strategy.kind !== 'source');
    const pair = compared ?
        data.pairs[index] :
        completePair(alone ? {[alone.kind]: alone.name, language: alone.language} : {});
    const named = (name) => data.strategies.find((strategy) => strategy.name === name);
    const continued = pair.continued && named(pair.continued);
    const source = (continued && named(continued.from)) ||
        data.strategies.find((strategy) => strategy.kind === 'source');
    const sizes = [...data.loss.curves, ...pair.savings].map((entry) => entry.params);
    return {
      data,
      pair,
      compared,
      narrow: narrow.matches,
      touch: touch.matches,
      scale: crosslaw.charts.sizeScale(sizes.length ? sizes : [1]),
      sourceStrategy: source ? source.name : null,
      targetName: language(pair.language),
      sourceName: language(pair.source_language || (source && source.language)),
    };
  }

  // What tells a pair from the others of its language; nothing where it is the only one.
  function variantOf(data, index) {
    const pair = data.pairs[index];
    const twin = data.pairs.some((other, i) => i !== index && other.language === pair.language);
    if (!twin) return '';
    return `${pair.continued}${pair.replay ? `, ${percent(pair.replay)} replay` : ''}`;
  }

  crosslaw.data = {read, contextFor, variantOf, narrow, withLists};
})();
