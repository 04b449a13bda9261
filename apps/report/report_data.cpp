#include "apps/report/report_data.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>

#include "apps/study/budget_allocation.h"
#include "apps/study/fit_residuals.h"
#include "apps/study/forgetting.h"
#include "apps/study/iso_loss.h"
#include "apps/study/law_savings.h"
#include "apps/study/loss_frontier.h"
#include "apps/study/measured_savings.h"
#include "apps/study/reported_fits.h"
#include "apps/study/sweep_answer.h"
#include "apps/study/sweep_summary.h"

// What apps/study found, written as JSON. No number is made here.
namespace crosslaw::apps {
namespace {

using json = nlohmann::ordered_json;  // in the order in which it is written here

json optional(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? json(*value) : json(nullptr);
}

json text_or_null(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

json range(const std::optional<fit::Range>& r) {
  return r ? json::array({r->low, r->high}) : json(nullptr);
}

std::string utc_now() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

json totals_json(const SweepTotals& t) {
  return {{"runs", t.runs},
          {"done", t.done},
          {"diverged", t.diverged},
          {"failed", t.failed},
          {"pending", t.pending},
          {"running", t.running},
          {"sizes", t.sizes},
          {"params", range(t.params)},
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

json losses_json(const std::vector<LossAtCompute>& losses) {
  json list = json::array();
  for (const LossAtCompute& at : losses) {
    list.push_back(
        {{"tokens", at.tokens}, {"flops", at.flops}, {"loss", at.loss}, {"end", at.end}});
  }
  return list;
}

json curve_json(const LossCurve& curve) {
  return {{"strategy", curve.strategy},
          {"replay", curve.replay},
          {"language", curve.language},
          {"size", curve.size},
          {"params", curve.params},
          {"seed", curve.seed},
          {"points", losses_json(curve.points)}};
}

json frontier_json(const LossFrontier& frontier) {
  json line = json::array();
  for (const LossAtCompute& at : frontier.line)
    line.push_back({{"flops", at.flops}, {"loss", at.loss}});
  return {{"strategy", frontier.strategy},
          {"replay", frontier.replay},
          {"coefficient", optional(frontier.coefficient.value)},
          {"exponent", optional(frontier.exponent.value)},
          {"exponent_ci95", range(frontier.exponent.ci95)},
          {"mean_distance", frontier.mean_distance},
          {"lowest", losses_json(frontier.lowest)},
          {"line", line}};
}

json loss_json(const LossOverCompute& loss) {
  json entry = {{"compute", axis_name(loss.compute)},
                {"curves", json::array()},
                {"frontiers", json::array()}};
  for (const LossCurve& curve : loss.curves) entry["curves"].push_back(curve_json(curve));
  for (const LossFrontier& each : loss.frontiers) entry["frontiers"].push_back(frontier_json(each));
  return entry;
}

json forgetting_json(const std::vector<Forgetting>& forgotten) {
  json entry = {{"models", json::array()}, {"rise", nullptr}};
  for (const Forgetting& each : forgotten) {
    json points = json::array();
    for (const SourceLoss& p : each.points)
      points.push_back({{"tokens", p.tokens}, {"loss", p.loss}, {"end", p.end}});
    entry["models"].push_back({{"strategy", each.strategy},
                               {"language", each.source_language},
                               {"size", each.size},
                               {"params", each.params},
                               {"seed", each.seed},
                               {"start_loss", optional(each.start_loss)},
                               {"points", points}});
  }
  if (const std::optional<ForgettingSummary> rise = summarise(forgotten)) {
    entry["rise"] = {
        {"ends", rise->ends}, {"least", rise->least}, {"mean", rise->mean}, {"most", rise->most}};
  }
  return entry;
}

std::string subject_name(FitSubject subject) {
  return subject == FitSubject::kScratch     ? "scratch"
         : subject == FitSubject::kContinued ? "continued"
                                             : "both";
}

// The page writes B' and beta' for the continued runs' own coefficients.
std::string page_name(const ReportedFit& reported, const std::string& coefficient) {
  const std::size_t suffix = coefficient.find("_continued");
  if (suffix != std::string::npos) return coefficient.substr(0, suffix) + "'";
  const bool own = coefficient == "B" || coefficient == "beta";
  return reported.subject == FitSubject::kContinued && own ? coefficient + "'" : coefficient;
}

json fit_json(const ReportedFit& reported) {
  const fit::FitResult& fit = reported.fit;
  json coefficients = json::object();
  for (const fit::Coefficient& c : fit.coefficients) {
    coefficients[page_name(reported, c.name)] = {{"value", optional(c.value)},
                                                 {"se", optional(c.se)},
                                                 {"ci95", range(c.ci95)},
                                                 {"held", c.frozen}};
  }
  return {{"name", reported.name},
          {"subject", subject_name(reported.subject)},
          {"law", fit.law->name},
          {"points", fit.points},
          {"objective", fit.objective},
          {"identifiable", fit.identifiable},
          {"coefficients", coefficients},
          {"rms_residual", fit.certificate.rms_log_residual},
          {"problems", fit.problems},
          {"condition", optional(fit.certificate.condition)},
          {"starts", fit.certificate.starts},
          {"starts_at_best", fit.certificate.starts_at_best}};
}

json saving_json(const MeasuredSaving& s) {
  return {{"size", s.size},
          {"params", s.params},
          {"tokens", s.tokens},
          {"tokens_per_param", s.tokens_per_param},
          {"flops", s.flops},
          {"loss", s.loss},
          {"scratch_tokens", s.scratch_tokens},
          {"scratch_flops", s.scratch_flops},
          {"saved_fraction", s.saved_share},
          {"transferred_tokens", s.transferred_tokens},
          {"extrapolated", s.extrapolated}};
}

json law_saving_json(const LawSaving& s) {
  return {{"params", s.params},
          {"tokens", s.tokens},
          {"tokens_per_param", s.tokens_per_param},
          {"saved_fraction", optional(s.saved_share.value)},
          {"ci95", range(s.saved_share.ci95)}};
}

json surface_json(const IsoLossSurface& surface) {
  json frontier = json::array(), measured = json::array();
  for (const BestSize& best : surface.frontier) {
    frontier.push_back({{"flops", best.flops},
                        {"params", optional(best.params.value)},
                        {"params_ci95", range(best.params.ci95)}});
  }
  for (const SizeAndCompute& at : surface.measured)
    measured.push_back({{"flops", at.flops}, {"params", at.params}});
  json ratios = json::array();
  for (const RatioLine& each : surface.ratios) {
    json line = json::array();
    for (const SizeAndCompute& at : each.line)
      line.push_back({{"flops", at.flops}, {"params", at.params}});
    ratios.push_back({{"tokens_per_param", each.tokens_per_param}, {"line", line}});
  }
  return {{"strategy", surface.strategy}, {"params", surface.params}, {"flops", surface.flops},
          {"loss", surface.loss},         {"frontier", frontier},     {"ratios", ratios},
          {"measured", measured}};
}

json iso_loss_json(const IsoLoss& figure) {
  json entry = {{"compute", axis_name(figure.compute)},
                {"levels",
                 {{"low", figure.levels.low},
                  {"high", figure.levels.high},
                  {"start", figure.levels.start},
                  {"step", figure.levels.step}}},
                {"surfaces", json::array()}};
  for (const IsoLossSurface& each : figure.surfaces)
    entry["surfaces"].push_back(surface_json(each));
  return entry;
}

json side_json(const std::optional<fit::AllocationRow>& row) {
  if (!row) return nullptr;
  json side = {{"params", optional(row->params.value)}, {"params_ci95", range(row->params.ci95)},
               {"tokens", optional(row->tokens.value)}, {"tokens_ci95", range(row->tokens.ci95)},
               {"loss", optional(row->loss.value)},     {"loss_ci95", range(row->loss.ci95)}};
  if (row->nearest) {
    side["nearest_size"] = row->nearest->size.name;
    side["nearest_params"] = row->nearest->size.params;
  }
  return side;
}

json allocation_json(const fit::FitResult& fit, const std::vector<BudgetAllocation>& budgets) {
  const ComputeCount compute = fit.compute ? ComputeCount::kExact : ComputeCount::kSixNd;
  json entry = {{"compute", axis_name(compute)}, {"rows", json::array()}};
  for (const BudgetAllocation& each : budgets) {
    entry["rows"].push_back({{"flops", each.flops},
                             {"scratch", side_json(each.scratch)},
                             {"continued", side_json(each.continued)},
                             {"loss_difference", optional(each.loss_difference.value)},
                             {"loss_difference_ci95", range(each.loss_difference.ci95)},
                             {"warnings", each.warnings}});
  }
  return entry;
}

json residuals_json(const std::vector<FitResidual>& residuals) {
  json entry = {{"rows", json::array()}, {"spread", json::array()}};
  for (const FitResidual& r : residuals) {
    entry["rows"].push_back({{"strategy", r.strategy},
                             {"size", r.size},
                             {"params", r.params},
                             {"tokens", r.tokens},
                             {"observed", r.observed},
                             {"predicted", r.predicted},
                             {"residual", r.residual}});
  }
  for (const ResidualSpread& s : spread_of(residuals)) {
    entry["spread"].push_back({{"strategy", s.strategy}, {"points", s.points}, {"rms", s.rms}});
  }
  return entry;
}

json pair_json(const Observations& observations, const PairFits& fits) {
  const LanguagePair& pair = fits.pair;
  const std::vector<MeasuredSaving> savings = measured_savings(observations, pair);
  json entry = {{"language", pair.language},
                {"source_language", text_or_null(pair.source_language)},
                {"scratch", pair.scratch},
                {"continued", text_or_null(pair.continued)},
                {"replay", pair.replay},
                {"headline", headline(pair, summarise(savings))},
                {"headline_pattern", headline(pair, summarise(savings), {"{source}", "{target}"})},
                {"fits", json::array()},
                {"savings", json::array()},
                {"savings_law", json::array()},
                {"forgetting", forgetting_json(forgetting(observations, pair))},
                {"contours", iso_loss_json(iso_loss(observations, fits))},
                {"allocation", nullptr},
                {"residuals", nullptr}};
  for (const ReportedFit& each : reported_fits(fits)) entry["fits"].push_back(fit_json(each));
  for (const MeasuredSaving& each : savings) entry["savings"].push_back(saving_json(each));
  entry["chosen"] = {{"fit", text_or_null(fits.choice.name)},
                     {"reason", text_or_null(fits.choice.reason)}};
  const fit::FitResult* best = fits.find(fits.choice.name);
  if (!best) return entry;
  entry["allocation"] = allocation_json(*best, allocate_budgets(*best, observations, pair));
  entry["residuals"] = residuals_json(fit_residuals(observations, pair, *best));
  if (best->law->parts.empty()) return entry;
  for (const LawSaving& each : law_savings(*best))
    entry["savings_law"].push_back(law_saving_json(each));
  return entry;
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
                {"loss_difference", optional(each.difference.value)},
                {"loss_difference_ci95", range(each.difference.ci95)},
                {"strategy", any ? text_or_null(each.strategy) : json(nullptr)}};
    if (any) {
      one.update({{"params", optional(each.best.params.value)},
                  {"params_ci95", range(each.best.params.ci95)},
                  {"tokens", optional(each.best.tokens.value)},
                  {"tokens_ci95", range(each.best.tokens.ci95)},
                  {"tokens_per_param", optional(each.best.tokens_per_param.value)},
                  {"tokens_per_param_ci95", range(each.best.tokens_per_param.ci95)}});
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
    list.push_back({{"name", run.name},
                    {"key", run.key},
                    {"strategy", run.strategy},
                    {"size", run.size},
                    {"params", params_of(run, observations.count())},
                    {"tokens", run.tokens_target},
                    {"outcome", db::name_of(run.outcome)},
                    {"loss", optional(run.loss_nats)},
                    {"loss_per_byte", optional(run.loss_nats_per_byte)},
                    {"flops", run.flops},
                    {"seconds", optional(run.seconds)},
                    {"attempts", run.attempts},
                    {"device", run.device},
                    {"message", run.message}});
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
                                   const std::vector<PairFits>& fits, const std::string& command) {
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
  for (const PairFits& pair : fits) data["pairs"].push_back(pair_json(observations, pair));
  data["runs"] = runs_json(observations);
  return data;
}

}  // namespace crosslaw::apps
