#include "apps/report/report_data.h"

#include <fmt/format.h>

#include "apps/report/report_figures.h"
#include "apps/report/report_json.h"
#include "apps/report/report_pairs.h"
#include "apps/study/base_comparison.h"
#include "apps/study/choice_scores.h"
#include "apps/study/model_sizes.h"
#include "apps/study/pooled_law.h"
#include "apps/study/replay_json.h"
#include "apps/study/sweep_answer.h"
#include "apps/study/sweep_summary.h"
#include "apps/study/sweep_transfers.h"
#include "apps/study/transfer_json.h"
#include "apps/study/transfer_matrix.h"
#include "apps/study/utc_time.h"

// What apps/study found, written as JSON. No number is made here.
namespace crosslaw::apps {
namespace {

using json = PageJson;

json totals_json(const SweepTotals& t) {
  return {{"runs", t.runs},
          {"done", t.done},
          {"diverged", t.diverged},
          {"failed", t.failed},
          {"pending", t.pending},
          {"running", t.running},
          {"sizes", t.sizes},
          {"params", range_or_null(t.params)},
          {"strategies", t.strategies},
          {"tokens", t.tokens},
          {"flops", t.flops},
          {"compute_seconds", t.compute_seconds},
          {"wall_seconds", t.wall_seconds},
          {"devices", t.devices}};
}

json strategies_json(const std::vector<StrategySummary>& strategies) {
  json list = json::array();
  for (const StrategySummary& s : strategies) {
    list.push_back({{"name", s.name},
                    {"language", s.language},
                    {"replay", s.replay},
                    {"from", s.from ? json(*s.from) : json(nullptr)},
                    {"kind", s.kind}});
  }
  return list;
}

json matrix_json(const TransferMatrix& matrix) {
  json out = {{"sources", matrix.sources}, {"targets", matrix.targets}, {"cells", json::array()}};
  for (const TransferCell& cell : matrix.cells) {
    out["cells"].push_back(
        {{"source_language", cell.source_language},
         {"language", cell.language},
         {"strategy", cell.strategy},
         {"replay", cell.replay},
         {"tokens_per_param", cell.tokens_per_param},
         {"saved_share", number_or_null(cell.saved_share.value)},
         {"saved_share_ci95", range_or_null(cell.saved_share.ci95)},
         {"by_law", cell.by_law},
         {"verdict", name_of(cell.saving)},
         {"scratch_bits_per_byte", number_or_null(cell.scratch_bits_per_byte)},
         {"continued_bits_per_byte", number_or_null(cell.continued_bits_per_byte)}});
  }
  return out;
}

json scores_json(const std::vector<ChoiceScore>& scores) {
  json out = {{"sentence", text_or_null(describe(scores))}, {"rows", json::array()}};
  for (const ChoiceScore& s : scores) {
    out["rows"].push_back({{"set", s.set},
                           {"strategy", s.strategy},
                           {"kind", s.kind},
                           {"language", s.language},
                           {"replay", s.replay},
                           {"size", s.size},
                           {"params", s.params},
                           {"tokens", s.tokens},
                           {"loss", number_or_null(s.loss)},
                           {"questions", s.questions},
                           {"plain", s.plain.share},
                           {"plain_ci95", json::array({s.plain.low, s.plain.high})},
                           {"by_byte", s.by_byte.share},
                           {"by_byte_ci95", json::array({s.by_byte.low, s.by_byte.high})},
                           {"largest", s.largest},
                           {"relative", number_or_null(s.relative)}});
  }
  return out;
}

json pooled_json(const std::optional<PooledLaw>& pooled) {
  if (!pooled) return nullptr;
  const auto put = [](json& row, const char* name, const fit::Estimate& e) {
    row[name] = number_or_null(e.value);
    row[fmt::format("{}_ci95", name)] = range_or_null(e.ci95);
  };
  json out = {{"sentence", describe(*pooled)},
              {"heterogeneity", pooled->heterogeneity},
              {"freedom", pooled->freedom},
              {"chance", pooled->chance},
              {"languages", json::array()}};
  put(out, "alpha", pooled->alpha), put(out, "beta", pooled->beta);
  for (const LanguageLaw& law : pooled->languages) {
    json row = {{"language", law.language}, {"points", law.points}};
    put(row, "alpha", law.alpha), put(row, "beta", law.beta);
    put(row, "E", law.e), put(row, "A", law.a), put(row, "B", law.b);
    row["rms"] = law.rms, row["pooled_rms"] = law.pooled_rms;
    out["languages"].push_back(std::move(row));
  }
  return out;
}

json sizes_json(const std::vector<ModelSizeRow>& sizes) {
  json list = json::array();
  for (const ModelSizeRow& s : sizes) {
    list.push_back({{"size", s.size},
                    {"embedding", s.embedding},
                    {"unembedding", s.unembedding},
                    {"blocks", s.blocks},
                    {"norms", s.norms},
                    {"total", s.total},
                    {"budget", s.budget},
                    {"flops_per_token", s.flops_per_token}});
  }
  return list;
}

std::string name_of(Advice advice) {
  switch (advice) {
    case Advice::kContinue:
      return "continue";
    case Advice::kScratch:
      return "scratch";
    case Advice::kCannotTell:
      return "cannot tell";
    case Advice::kOneWay:
      return "one way";
    case Advice::kNone:
      break;
  }
  return "none";
}

json answer_json(const SweepAnswer& answer) {
  json pairs = json::array();
  for (const PairAnswer& each : answer.pairs) {
    const bool any = each.advice != Advice::kNone;
    json one = {{"language", each.pair.language},
                {"source_language", text_or_null(each.pair.source_language)},
                {"replay", each.pair.replay},
                {"advice", name_of(each.advice)},
                {"fit", text_or_null(each.choice.name)},
                {"reason", text_or_null(each.choice.reason)},
                {"refused", text_or_null(each.refused)},
                {"loss_difference", number_or_null(each.difference.value)},
                {"loss_difference_ci95", range_or_null(each.difference.ci95)},
                {"strategy", any ? text_or_null(each.strategy) : json(nullptr)}};
    if (any) {
      one.update({{"params", number_or_null(each.best.params.value)},
                  {"params_ci95", range_or_null(each.best.params.ci95)},
                  {"tokens", number_or_null(each.best.tokens.value)},
                  {"tokens_ci95", range_or_null(each.best.tokens.ci95)},
                  {"tokens_per_param", number_or_null(each.best.tokens_per_param.value)},
                  {"tokens_per_param_ci95", range_or_null(each.best.tokens_per_param.ci95)}});
    }
    pairs.push_back(std::move(one));
  }
  return {{"flops", answer.flops > 0 ? json(answer.flops) : json(nullptr)},
          {"compute", answer.compute},
          {"lines", answer_lines(answer)},
          {"pairs", pairs},
          {"warnings", answer.warnings}};
}

json runs_json(const Observations& observations) {
  json list = json::array();
  for (const db::RunResultRow& run : observations.runs()) {
    // Key by key: of ten thousand runs the pairs of an initializer list would all be copied.
    json& row = list.emplace_back(json::object());
    row["name"] = run.name;
    row["key"] = run.key;
    row["strategy"] = run.strategy;
    row["size"] = run.size;
    row["params"] = params_of(run, observations.count());
    row["tokens"] = run.tokens_target;
    row["outcome"] = db::name_of(run.outcome);
    row["loss"] = number_or_null(run.loss_nats);
    row["loss_per_byte"] = number_or_null(run.loss_nats_per_byte);
    row["flops"] = run.flops;
    row["seconds"] = number_or_null(run.seconds);
    row["attempts"] = run.attempts;
    row["device"] = run.device;
    row["message"] = run.message;
  }
  return list;
}

json problems_json(const std::vector<PairFits>& fits) {
  json list = json::array();
  for (const PairFits& pair : fits) {
    for (const std::string& sentence : pair.missing) list.push_back(sentence);
    for (const NamedFit& named : pair.fits) {
      if (named.fit.identifiable) continue;
      list.push_back(fmt::format("{}, fit \"{}\": not identifiable: {}", pair.pair.label(),
                                 named.name,
                                 named.fit.problems.empty() ? "" : named.fit.problems.front()));
    }
  }
  return list;
}

}  // namespace

nlohmann::ordered_json report_data(const db::RunStore& store, const Observations& observations,
                                   const std::vector<PairFits>& fits, const std::string& command,
                                   const TextExposure& texts) {
  json data = {{"schema", 1},
               {"name", store.sweep_name()},
               {"generated", utc_now()},
               {"crosslaw", CROSSLAW_VERSION},
               {"command", command}};
  data["conventions"] = {
      {"params", describe(observations.count())},
      {"flops",
       "exact FLOPs of the target-language tokens, head and attention included, wherever losses "
       "were measured; 6ND, N as above, D tokens of the target language, wherever the fitted laws "
       "speak; each axis says which"},
      {"loss", "nats per token on held-out text that is the same for all sizes"}};
  data["answer"] = answer_json(sweep_answer(observations, fits));
  data["totals"] = totals_json(sweep_totals(store, observations));
  data["strategies"] = strategies_json(strategies_of(observations));
  data["problems"] = problems_json(fits);
  data["loss"] = loss_json(loss_over_compute(observations, ComputeCount::kExact));
  data["pairs"] = json::array();
  std::vector<PairTransfer> transfers;
  for (const PairFits& pair : fits) {
    const std::optional<PairTransfer> transfer = pair_transfer(observations, pair);
    data["pairs"].push_back(pair_json(observations, pair, transfer));
    if (transfer) transfers.push_back(*transfer);
  }
  data["matrix"] = matrix_json(transfer_matrix(observations, transfers));
  data["scores"] = scores_json(choice_scores(store, observations));
  data["pooled"] = pooled_json(pooled_law(fits));
  data["replay"] = json::array();
  const ReplayOptions replay;
  for (const ReplayPlan& plan : replay_plans(observations, replay))
    data["replay"].push_back(to_json(plan, replay));
  data["bases"] = to_json(base_comparisons(observations));
  data["texts"] = to_json(texts);
  data["sizes"] = sizes_json(model_sizes(observations));
  data["runs"] = runs_json(observations);
  return data;
}

}  // namespace crosslaw::apps
