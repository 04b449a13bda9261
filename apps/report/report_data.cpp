#include "apps/report/report_data.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "apps/study/allocation_choices.h"
#include "apps/study/measured_savings.h"
#include "apps/study/sweep_folder.h"
#include "fit/frontier/lower_envelope.h"
#include "fit/write/allocation_table.h"
#include "fit/write/fit_json.h"

namespace crosslaw::apps {
namespace {

using nlohmann::json;

constexpr int kGrid = 41;
constexpr int kSavingSteps = 9;
constexpr int kEnvelopeDraws = 200;
constexpr const char* kPreferredFit = "two-stage";

json optional(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? json(*value) : json(nullptr);
}

json range(const std::optional<fit::Range>& r) {
  return r ? json::array({r->low, r->high}) : json(nullptr);
}

std::string utc_now() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

std::string shown_outcome(db::Outcome outcome) {
  switch (outcome) {
    case db::Outcome::kDone:
    case db::Outcome::kDiverged:
      return std::string(db::name_of(outcome));
    case db::Outcome::kStarted:
      return "running";
    case db::Outcome::kPending:
    case db::Outcome::kStopped:
      return "pending";
    default:
      return "failed";
  }
}

json totals(const db::RunStore& store, const Observations& observations) {
  std::map<std::string, int64_t> outcomes;
  std::set<std::string> sizes, strategies, devices;
  double tokens = 0, flops = 0, seconds = 0;
  for (const db::RunResultRow& run : observations.runs()) {
    ++outcomes[shown_outcome(run.outcome)];
    sizes.insert(run.size), strategies.insert(run.strategy);
    if (!run.device.empty()) devices.insert(run.device);
    seconds += run.seconds.value_or(0);
    if (run.outcome != db::Outcome::kDone) continue;
    tokens += static_cast<double>(run.tokens_target + run.tokens_source);
    flops += run.flops;
  }
  int64_t first = 0, last = 0;
  for (const db::AttemptRow& attempt : store.attempts()) {
    first = first == 0 ? attempt.started_ms : std::min(first, attempt.started_ms);
    last = std::max(last, attempt.ended_ms.value_or(attempt.started_ms));
  }
  return {{"runs", observations.runs().size()},
          {"done", outcomes["done"]},
          {"diverged", outcomes["diverged"]},
          {"failed", outcomes["failed"]},
          {"pending", outcomes["pending"]},
          {"running", outcomes["running"]},
          {"sizes", sizes.size()},
          {"strategies", strategies.size()},
          {"tokens", tokens},
          {"flops", flops},
          {"compute_seconds", seconds},
          {"wall_seconds", static_cast<double>(last - first) / 1000},
          {"devices", devices}};
}

json strategies(const Observations& observations) {
  std::map<std::string, std::string> source_strategy;  // language -> strategy from scratch
  std::set<std::string> source_languages;
  for (const db::RunResultRow& run : observations.runs()) {
    if (run.source_language) source_languages.insert(*run.source_language);
    if (!run.source_language) source_strategy.emplace(run.language, run.strategy);
  }
  json list = json::array();
  std::set<std::pair<std::string, double>> seen;
  for (const db::RunResultRow& run : observations.runs()) {
    if (!seen.insert({run.strategy, run.replay}).second) continue;
    json entry = {{"name", run.strategy},
                  {"language", run.language},
                  {"replay", run.replay},
                  {"from", nullptr}};
    entry["kind"] = run.source_language                       ? "continued"
                    : source_languages.contains(run.language) ? "source"
                                                              : "scratch";
    if (run.source_language && source_strategy.contains(*run.source_language))
      entry["from"] = source_strategy[*run.source_language];
    list.push_back(entry);
  }
  return list;
}

// One curve a run, in the order of its steps.
void add_curves(json& list, const std::vector<Measurement>& measurements,
                const std::string& language) {
  const db::RunResultRow* run = nullptr;
  for (const Measurement& m : measurements) {
    if (m.run != run) {
      run = m.run;
      list.push_back({{"strategy", run->strategy},
                      {"language", language},
                      {"size", run->size},
                      {"params", m.params},
                      {"seed", run->seed},
                      {"points", json::array()}});
    }
    list.back()["points"].push_back(
        {{"tokens", m.tokens}, {"flops", m.flops}, {"loss", m.loss}, {"end", m.end}});
  }
}

// The page writes B' and beta' for the continued runs' own coefficients.
std::string page_name(const std::string& coefficient) {
  size_t suffix = coefficient.find("_continued");
  return suffix == std::string::npos ? coefficient : coefficient.substr(0, suffix) + "'";
}

json fit_entry(const NamedFit& named, const std::string& continued_name) {
  const fit::FitResult& fit = named.fit;
  json coefficients = json::object(), frozen = json::array();
  for (const fit::Coefficient& c : fit.coefficients) {
    coefficients[page_name(c.name)] = {
        {"value", c.value}, {"se", optional(c.se)}, {"ci95", range(c.ci95)}};
    if (c.frozen) frozen.push_back(page_name(c.name));
  }
  return {{"name", continued_name},
          {"law", fit.law->name},
          {"points", fit.points},
          {"objective", fit.objective},
          {"identifiable", fit.identifiable},
          {"coefficients", coefficients},
          {"frozen", frozen},
          {"rms_residual", fit.certificate.rms_log_residual},
          {"problems", fit.problems},
          {"condition", optional(fit.certificate.condition)},
          {"starts", fit.certificate.starts},
          {"starts_at_best", fit.certificate.starts_at_best}};
}

json envelope(const Observations& observations, const std::string& strategy, double replay) {
  fit::Points points;
  std::vector<double> flops;
  std::map<std::string, int> clusters;
  for (const Measurement& m : observations.of_strategy(strategy, replay)) {
    int cluster = clusters
                      .emplace(m.run->size + "/" + std::to_string(m.run->seed),
                               static_cast<int>(clusters.size()))
                      .first->second;
    points.push_back(
        {m.params, static_cast<double>(m.tokens), m.loss, 1, cluster, fit::Stage::kScratch});
    flops.push_back(6 * m.params * static_cast<double>(m.tokens));
  }
  try {
    fit::LowerEnvelope line = fit::lower_envelope(points, flops, kEnvelopeDraws, 1);
    return {{"strategy", strategy},
            {"coefficient", optional(line.coefficient.value)},
            {"exponent", optional(line.exponent.value)},
            {"exponent_ci95", range(line.exponent.ci95)},
            {"flops_range", {line.flops.low, line.flops.high}}};
  } catch (const std::invalid_argument&) {
    return nullptr;
  }
}

std::vector<double> log_grid(double low, double high) {
  std::vector<double> grid;
  for (int i = 0; i < kGrid; ++i)
    grid.push_back(low * std::pow(high / low, static_cast<double>(i) / (kGrid - 1)));
  return grid;
}

// Losses over sizes and compute under C = 6ND, with the efficient frontier.
json contour(const fit::FitResult& part, const fit::Coverage& coverage,
             const std::string& strategy) {
  std::vector<double> params = log_grid(coverage.params.low / 2, coverage.params.high * 4),
                      flops = log_grid(coverage.flops.low / 2, coverage.flops.high * 10);
  json rows = json::array(), frontier = json::array();
  for (double n : params) {
    json row = json::array();
    for (double c : flops)
      row.push_back(fit::predicted_loss(*part.law, part.theta, n, c / (6 * n)));
    rows.push_back(row);
  }
  fit::AllocationOptions options;
  for (size_t i = 0; i < flops.size(); i += 4) options.flops.push_back(flops[i]);
  fit::Allocation allocation = fit::allocate(part, options);
  for (const fit::AllocationRow& row : allocation.rows) {
    frontier.push_back({{"flops", row.flops},
                        {"params", optional(row.params.value)},
                        {"params_ci95", range(row.params.ci95)}});
  }
  return {{"strategy", strategy}, {"params", params},
          {"flops", flops},       {"loss", rows},
          {"frontier", frontier}, {"measured_flops", {coverage.flops.low, coverage.flops.high}}};
}

json allocation_side(const fit::AllocationRow& row) {
  json side = {{"params", optional(row.params.value)}, {"params_ci95", range(row.params.ci95)},
               {"tokens", optional(row.tokens.value)}, {"tokens_ci95", range(row.tokens.ci95)},
               {"loss", optional(row.loss.value)},     {"loss_ci95", range(row.loss.ci95)}};
  if (row.nearest)
    side["nearest_size"] = row.nearest->size.name,
    side["nearest_params"] = row.nearest->size.params;
  return side;
}

json allocation(const fit::FitResult& fit, const Observations& observations,
                const LanguagePair& pair) {
  fit::AllocationOptions options;
  options.flops = default_budgets(observations, pair);
  options.ladder = ladder_of(observations);
  json rows = json::array();
  if (options.flops.empty()) return rows;
  fit::AllocationReport report = fit::report_allocation(fit, options);
  for (size_t i = 0; i < options.flops.size(); ++i) {
    json row = {{"flops", options.flops[i]},
                {"scratch", nullptr},
                {"continued", nullptr},
                {"warnings", json::array()}};
    for (const fit::Allocation& strategy : report.strategies) {
      if (i >= strategy.rows.size()) continue;
      row[strategy.strategy == "continued" ? "continued" : "scratch"] =
          allocation_side(strategy.rows[i]);
      for (const std::string& warning : strategy.rows[i].warnings)
        row["warnings"].push_back((strategy.strategy.empty() ? "" : strategy.strategy + ": ") +
                                  warning);
    }
    if (!row["scratch"].is_null() || !row["continued"].is_null()) rows.push_back(row);
  }
  return rows;
}

json residuals(const Observations& observations, const LanguagePair& pair,
               const fit::FitResult& fit) {
  json list = json::array();
  bool all = observations.resolve(pair, PointChoice::kAuto) == PointChoice::kAll;
  auto add = [&](const std::string& strategy, double replay, fit::Stage stage) {
    for (const Measurement& m : observations.of_strategy(strategy, replay)) {
      if (!m.end && !all) continue;
      double predicted =
          fit::predicted_loss(*fit.law, fit.theta, m.params, static_cast<double>(m.tokens), stage);
      list.push_back({{"strategy", strategy},
                      {"size", m.run->size},
                      {"params", m.params},
                      {"tokens", m.tokens},
                      {"observed", m.loss},
                      {"predicted", predicted}});
    }
  };
  add(pair.scratch, 0, fit::Stage::kScratch);
  if (!pair.continued.empty() && fit.law->name == "joint")
    add(pair.continued, pair.replay, fit::Stage::kContinued);
  return list;
}

// For the smallest, the middle and the largest size, over the measured tokens.
json savings_by_law(const fit::FitResult& joint) {
  json list = json::array();
  if (!joint.coverage) return list;
  const fit::Range &params = joint.coverage->params, &ratio = joint.coverage->tokens_per_param;
  for (double n : {params.low, std::sqrt(params.low * params.high), params.high}) {
    for (int i = 0; i < kSavingSteps; ++i) {
      double tokens = n * ratio.low *
                      std::pow(ratio.high / ratio.low, static_cast<double>(i) / (kSavingSteps - 1));
      fit::Estimate saved = fit::saved_share_at(joint, n, tokens);
      list.push_back({{"params", n},
                      {"tokens", tokens},
                      {"saved_fraction", optional(saved.value)},
                      {"ci95", range(saved.ci95)}});
    }
  }
  return list;
}

json pair_entry(const Observations& observations, const PairFits& fits) {
  const LanguagePair& pair = fits.pair;
  bool two = !pair.continued.empty();
  std::vector<MeasuredSaving> savings = measured_savings(observations, pair);
  json entry = {{"language", pair.language},
                {"source_language", two ? json(pair.source_language) : json(nullptr)},
                {"scratch", pair.scratch},
                {"continued", two ? json(pair.continued) : json(nullptr)},
                {"headline", headline(pair, summarise(savings))}};
  for (const char* key :
       {"fits", "frontier", "savings", "savings_law", "contours", "allocation", "residuals"})
    entry[key] = json::array();
  for (const NamedFit& named : fits.fits)
    entry["fits"].push_back(
        fit_entry(named, named.name == kPreferredFit ? "continued, two-stage" : named.name));
  for (const MeasuredSaving& s : savings) {
    entry["savings"].push_back({{"size", s.size},
                                {"params", s.params},
                                {"tokens", s.tokens},
                                {"loss", s.loss},
                                {"scratch_tokens", s.scratch_tokens},
                                {"saved_fraction", s.saved_share},
                                {"transferred_tokens", s.transferred_tokens},
                                {"extrapolated", s.extrapolated}});
  }
  entry["frontier"].push_back(envelope(observations, pair.scratch, 0));
  if (two) entry["frontier"].push_back(envelope(observations, pair.continued, pair.replay));
  const fit::FitResult* scratch = fits.find("scratch");
  const fit::FitResult* both = two ? fits.find(kPreferredFit) : nullptr;
  const fit::FitResult* best = both ? both : scratch;
  if (!best) return entry;
  if (scratch && scratch->coverage)
    entry["contours"].push_back(contour(*scratch, *scratch->coverage, pair.scratch));
  if (both && scratch && scratch->coverage)
    entry["contours"].push_back(
        contour(fit::continued_part(*both), *scratch->coverage, pair.continued));
  entry["allocation"] = allocation(*best, observations, pair);
  entry["residuals"] = residuals(observations, pair, *best);
  if (both) entry["savings_law"] = savings_by_law(*both);
  return entry;
}

json runs(const Observations& observations) {
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

}  // namespace

json report_data(const db::RunStore& store, const Observations& observations,
                 const std::vector<PairFits>& fits, const std::string& command) {
  json data = {{"schema", 1},
               {"name", store.sweep_name()},
               {"generated", utc_now()},
               {"crosslaw", CROSSLAW_VERSION},
               {"command", command}};
  data["conventions"] = {
      {"params", describe(observations.count())},
      {"flops",
       "6ND, N as above, D tokens of the target language; curves and runs show exact FLOPs, head "
       "and attention included"},
      {"loss", "nats per token on held-out text that is the same for all sizes"}};
  data["totals"] = totals(store, observations);
  data["strategies"] = strategies(observations);
  data["problems"] = json::array();
  data["curves"] = json::array(), data["forgetting"] = json::array(), data["pairs"] = json::array();
  std::set<std::pair<std::string, double>> seen;
  for (const db::RunResultRow& run : observations.runs()) {
    if (!seen.insert({run.strategy, run.replay}).second) continue;
    add_curves(data["curves"], observations.of_strategy(run.strategy, run.replay), run.language);
    if (run.source_language)
      add_curves(data["forgetting"], observations.on_source_language(run.strategy, run.replay),
                 *run.source_language);
  }
  for (const PairFits& pair : fits) {
    data["pairs"].push_back(pair_entry(observations, pair));
    for (const std::string& sentence : pair.missing) data["problems"].push_back(sentence);
    for (const NamedFit& named : pair.fits) {
      if (named.fit.identifiable) continue;
      data["problems"].push_back(
          fmt::format("{}, fit \"{}\": not identifiable: {}", pair.pair.label(), named.name,
                      named.fit.problems.empty() ? "" : named.fit.problems.front()));
    }
  }
  data["runs"] = runs(observations);
  return data;
}

}  // namespace crosslaw::apps
