#include "fit/write/frontier_report.h"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <utility>

#include "fit/write/fit_json.h"

namespace crosslaw::fit {
namespace {

using Json = nlohmann::ordered_json;
using Format = std::string (*)(double);

// Said wherever N* is shown, because the two methods mean different things by it.
constexpr const char* kIsoflopSize = "minimum of the parabola fitted at each budget";
constexpr const char* kEnvelopeSize = "size of the run with the least loss at each compute";

std::string count(double value) { return short_count(value); }
std::string three(double value) { return fmt::format("{:.3g}", value); }
std::string four(double value) { return fmt::format("{:.4g}", value); }
std::string decimals(double value) { return fmt::format("{:.4f}", value); }
std::string two_digits_percent(double value) { return fmt::format("{:.2g}%", 100 * value); }
std::string whole_percent(double value) { return fmt::format("{:+.0f}%", 100 * value); }

// A table filled cell by cell. For people numbers are rounded and intervals are one cell; for CSV
// every number is exact and an interval is two cells.
class Sheet {
 public:
  explicit Sheet(TableFormat format) : exact_(format == TableFormat::kCsv) {}

  void row() { table_.rows.emplace_back(); }
  void text(const char* plain, const char* csv, const std::string& value) {
    head(exact_ ? csv : plain);
    table_.rows.back().push_back(value);
  }
  void number(const char* plain, const char* csv, std::optional<double> value, Format format) {
    text(plain, csv, value ? (exact_ ? exact(*value) : format(*value)) : (exact_ ? "" : "-"));
  }
  void range(const char* plain, const std::string& csv, const std::optional<Range>& range,
             Format format) {
    if (exact_) {
      number("", (csv + "_low").c_str(), range ? std::optional(range->low) : std::nullopt, format);
      number("", (csv + "_high").c_str(), range ? std::optional(range->high) : std::nullopt,
             format);
    } else {
      text(plain, "",
           range ? fmt::format("[{}, {}]", format(range->low), format(range->high)) : "-");
    }
  }
  void estimate(const char* plain, const std::string& csv, const Estimate& value, Format format) {
    number(plain, csv.c_str(), value.value, format);
    range("95%", csv + "_ci95", value.ci95, format);
  }
  const Table& table() const { return table_; }

 private:
  // Every row has the same cells in the same order: the first names them.
  void head(const std::string& name) {
    if (table_.rows.size() == 1) table_.header.push_back(name);
  }
  bool exact_;
  Table table_;
};

Table law_table(const MeasuredFrontier& frontier, TableFormat format) {
  Sheet sheet(format);
  const auto add = [&](const char* name, const PowerLawEstimate& law) {
    sheet.row();
    sheet.text("power law of C", "quantity", name);
    sheet.estimate("constant", "constant", law.constant, four);
    sheet.estimate("exponent", "exponent", law.exponent, decimals);
    sheet.number("rms of logs", "rms", law.rms, four);
  };
  add("N*", frontier.params);
  add("D*", frontier.tokens);
  add("loss", frontier.loss);
  add("N*, exponent 0.5", frontier.params_at_half);
  add("D*, exponent 0.5", frontier.tokens_at_half);
  return sheet.table();
}

Table row_table(const MeasuredFrontier& frontier, TableFormat format) {
  Sheet sheet(format);
  for (const FrontierRow& each : frontier.rows) {
    sheet.row();
    sheet.number("C (FLOPs)", "flops", each.flops, four);
    sheet.estimate("N*", "params", each.params, count);
    sheet.estimate("D*", "tokens", each.tokens, count);
    sheet.estimate("D*/N*", "tokens_per_param", each.tokens_per_param, three);
    sheet.estimate("loss", "loss", each.loss, decimals);
    sheet.number("N*, exponent 0.5", "params_at_half", each.params_at_half.value, count);
    sheet.number("beyond the data", "flops_factor", each.flops_factor, three);
  }
  return sheet.table();
}

Table budget_table(const IsoflopFit& fit, TableFormat format) {
  Sheet sheet(format);
  const std::string flat = fmt::format("N within {:.3g}%", 100 * fit.options.flat_share);
  for (const IsoflopBudget& each : fit.budgets) {
    const bool used = each.use == BudgetUse::kUsed;
    // People read of the others in a sentence (describe_left_out); programs get them with the
    // reason.
    if (!used && format != TableFormat::kCsv) continue;
    sheet.row();
    sheet.number("C (FLOPs)", "flops", each.flops, four);
    sheet.number("points", "points", static_cast<double>(each.points), four);
    sheet.number("sizes", "sizes", static_cast<double>(each.sizes), four);
    sheet.estimate("N*", "params", each.params_optimum, count);
    sheet.estimate("D*", "tokens", each.tokens_optimum, count);
    sheet.estimate("loss", "loss", each.loss, decimals);
    sheet.range(flat.c_str(), "flat_params", used ? std::optional(each.flat) : std::nullopt, count);
    sheet.number("rms", "rms", used ? std::optional(each.rms) : std::nullopt, two_digits_percent);
    sheet.number("sizes apart", "width", each.width, three);
    sheet.number("off centre", "off_centre", used ? std::optional(each.off_centre) : std::nullopt,
                 whole_percent);
    sheet.number("best run's N", "best_params", each.best_params, count);
    if (format == TableFormat::kCsv) sheet.text("", "left_out", each.left_out);
  }
  return sheet.table();
}

Table segment_table(const TrainingEnvelopeFit& fit, TableFormat format) {
  Sheet sheet(format);
  for (const EnvelopeSegment& each : fit.segments) {
    sheet.row();
    sheet.number("N of the best run", "params", each.params, count);
    sheet.range("C (FLOPs)", "flops", each.flops, four);
    sheet.range("D", "tokens", each.tokens, count);
    sheet.range("loss", "loss", each.loss, decimals);
    sheet.number("of the envelope", "share",
                 static_cast<double>(each.values) / static_cast<double>(fit.values),
                 two_digits_percent);
  }
  return sheet.table();
}

std::string describe_intervals(const FrontierOptions& options, const std::string& how) {
  if (options.draws == 0) return "intervals:    none, no bootstrap was asked for\n";
  return fmt::format("intervals:    95 %, {} draws, {}, seed {}\n", options.draws, how,
                     options.seed);
}

std::string describe_warnings(const std::vector<std::string>& warnings) {
  std::string out;
  for (const std::string& each : warnings) {
    out += wrapped("warning:      " + each, kPageColumns, 14) + "\n";
  }
  return out;
}

std::string isoflop_resampling(const IsoflopFit& fit) {
  switch (fit.options.frontier.resampling) {
    case Resampling::kParametric:
      return "normal noise around the parabolas";
    case Resampling::kClusters:
      return fit.within_budgets ? "runs resampled within each budget"
                                : "runs resampled whole over all budgets";
    default:
      return "points resampled within each budget";
  }
}

// The tables of one method, each after a blank line.
std::vector<Table> with_frontier(Table first, const std::optional<MeasuredFrontier>& frontier,
                                 TableFormat format) {
  std::vector<Table> out = {std::move(first), {}, {}};
  if (!frontier) return out;
  out[1] = law_table(*frontier, format);
  out[2] = row_table(*frontier, format);
  return out;
}

// The answers where some are asked for, else the table of the method; with the power laws of C.
Table one_table(Table method, const std::optional<MeasuredFrontier>& frontier) {
  if (!frontier) return method;
  Table out = frontier->rows.empty() ? std::move(method) : row_table(*frontier, TableFormat::kCsv);
  Sheet sheet(TableFormat::kCsv);
  sheet.row();
  for (const auto& [name, law] : {std::pair{"params_law", &frontier->params},
                                  {"tokens_law", &frontier->tokens},
                                  {"loss_law", &frontier->loss}}) {
    sheet.estimate("", std::string(name) + "_constant", law->constant, four);
    sheet.estimate("", std::string(name) + "_exponent", law->exponent, four);
    sheet.number("", (std::string(name) + "_rms").c_str(), law->rms, four);
  }
  const Table& laws = sheet.table();
  out.header.insert(out.header.end(), laws.header.begin(), laws.header.end());
  for (auto& row : out.rows) row.insert(row.end(), laws.rows[0].begin(), laws.rows[0].end());
  return out;
}

Json law_json(const PowerLawEstimate& law) {
  return {{"constant", estimate_json(law.constant)},
          {"exponent", estimate_json(law.exponent)},
          {"rms", number_or_null(law.rms)}};
}

void add_frontier(const std::optional<MeasuredFrontier>& frontier, Json& out) {
  // The keys are always there; where too few budgets are used they are empty.
  out["laws"] = nullptr;
  out["rows"] = Json::array();
  if (!frontier) return;
  out["laws"] = {{"flops", range_or_null(frontier->flops)},
                 {"params", law_json(frontier->params)},
                 {"tokens", law_json(frontier->tokens)},
                 {"loss", law_json(frontier->loss)},
                 {"params_at_half", law_json(frontier->params_at_half)},
                 {"tokens_at_half", law_json(frontier->tokens_at_half)}};
  for (const FrontierRow& each : frontier->rows) {
    out["rows"].push_back({{"flops", each.flops},
                           {"params", number_or_null(each.params.value)},
                           {"tokens", number_or_null(each.tokens.value)},
                           {"loss", number_or_null(each.loss.value)},
                           {"params_ci95", range_or_null(each.params.ci95)},
                           {"tokens_ci95", range_or_null(each.tokens.ci95)},
                           {"loss_ci95", range_or_null(each.loss.ci95)},
                           {"tokens_per_param", number_or_null(each.tokens_per_param.value)},
                           {"tokens_per_param_ci95", range_or_null(each.tokens_per_param.ci95)},
                           {"params_at_half", number_or_null(each.params_at_half.value)},
                           {"flops_factor", each.flops_factor}});
  }
}

Json bootstrap_json(const FrontierOptions& options, const std::string& how) {
  if (options.draws == 0) return nullptr;
  return {{"how", how}, {"seed", options.seed}, {"draws", options.draws}};
}

Json budget_json(const IsoflopBudget& each) {
  Json out = {{"flops", each.flops},
              {"flops_range", range_or_null(each.flops_range)},
              {"points", each.points},
              {"sizes", each.sizes},
              {"params_range", range_or_null(each.params)},
              {"width", each.width},
              {"best_params", each.best_params},
              {"left_out", each.left_out.empty() ? Json(nullptr) : Json(each.left_out)}};
  // What was left out has no parabola: these keys are absent then.
  if (each.use != BudgetUse::kUsed) return out;
  out["params"] = estimate_json(each.params_optimum);
  out["tokens"] = estimate_json(each.tokens_optimum);
  out["loss"] = estimate_json(each.loss);
  out["flat_params"] = range_or_null(each.flat);
  out["curvature"] = each.curvature;
  out["rms"] = each.rms;
  out["off_centre"] = each.off_centre;
  out["undefined_draws"] = each.params_optimum.undefined;
  return out;
}

}  // namespace

std::string describe_left_out(const IsoflopFit& fit) {
  std::map<std::string, std::pair<int, std::size_t>> few;
  std::string out;
  for (const IsoflopBudget& each : fit.budgets) {
    if (each.use == BudgetUse::kUsed) continue;
    // A grid that is not by compute has many such budgets: counted, not listed.
    if (each.use == BudgetUse::kTooFewSizes) {
      ++few[each.left_out].first;
      few[each.left_out].second += each.points;
    } else {
      out += fmt::format("left out:     C = {:.4g} ({} points, {} sizes): {}\n", each.flops,
                         each.points, each.sizes, each.left_out);
    }
  }
  for (const auto& [why, groups] : few) {
    out += fmt::format("left out:     {} budgets ({} points) with {}\n", groups.first,
                       groups.second, why);
  }
  return out;
}

std::vector<Table> tables(const IsoflopFit& fit, TableFormat format) {
  return with_frontier(budget_table(fit, format), fit.frontier, format);
}

std::vector<Table> tables(const TrainingEnvelopeFit& fit, TableFormat format) {
  return with_frontier(segment_table(fit, format), fit.frontier, format);
}

Table csv(const IsoflopFit& fit) {
  return one_table(budget_table(fit, TableFormat::kCsv), fit.frontier);
}

Table csv(const TrainingEnvelopeFit& fit) {
  return one_table(segment_table(fit, TableFormat::kCsv), fit.frontier);
}

std::string render(const IsoflopFit& fit, TableFormat format) {
  const std::string body = render(tables(fit, format), format);
  if (!is_text(format)) return body;
  std::string out = fmt::format(
      "isoflop (Hoffmann et al. 2022, approach 2): log loss is a parabola in log N at each budget\n"
      "N* is the {}; D* is had from it and C\n"
      "a step of more than {:.3g} % in C starts a new budget: {} budgets, {} used\n\n",
      kIsoflopSize, 100 * fit.options.same_budget, fit.budgets.size(), fit.used());
  out += body + "\n" + describe_left_out(fit);
  out += describe_intervals(fit.options.frontier, isoflop_resampling(fit));
  return out + describe_warnings(fit.warnings);
}

std::string render(const TrainingEnvelopeFit& fit, TableFormat format) {
  const std::string body = render(tables(fit, format), format);
  if (!is_text(format)) return body;
  std::string out = fmt::format(
      "envelope (Hoffmann et al. 2022, approach 1): the least loss at each compute\n"
      "N* is the {}\n",
      kEnvelopeSize);
  out += fit.interpolated
             ? fmt::format(
                   "{} runs, interpolated in log C between their checkpoints, at {} of {} "
                   "compute values evenly spaced in log C\n\n",
                   fit.runs, fit.values, fit.options.grid)
             : fmt::format(
                   "{} of {} points lie on the envelope; no run has two checkpoints (see "
                   "--cluster)\n\n",
                   fit.values, fit.runs);
  out += body + "\n" + describe_intervals(fit.options.frontier, "runs resampled whole");
  return out + describe_warnings(fit.warnings);
}

Json to_json(const IsoflopFit& fit) {
  Json out = {{"schema", 1},
              {"method", "isoflop"},
              {"n_is", kIsoflopSize},
              {"loss_is", "log loss, a parabola in log N"},
              {"same_budget", fit.options.same_budget},
              {"flat_share", fit.options.flat_share},
              {"used", fit.used()},
              {"budgets", Json::array()}};
  for (const IsoflopBudget& each : fit.budgets) out["budgets"].push_back(budget_json(each));
  add_frontier(fit.frontier, out);
  out["bootstrap"] = bootstrap_json(fit.options.frontier, isoflop_resampling(fit));
  out["warnings"] = fit.warnings;
  return out;
}

Json to_json(const TrainingEnvelopeFit& fit) {
  Json out = {{"schema", 1},
              {"method", "envelope"},
              {"n_is", kEnvelopeSize},
              {"interpolated", fit.interpolated},
              {"runs", fit.runs},
              {"single_points_left_out", fit.single_points},
              {"grid", fit.interpolated ? Json(fit.options.grid) : Json(nullptr)},
              {"values", fit.values},
              {"envelope", Json::array()}};
  for (const EnvelopeSegment& each : fit.segments) {
    out["envelope"].push_back({{"params", each.params},
                               {"flops", range_or_null(each.flops)},
                               {"tokens", range_or_null(each.tokens)},
                               {"loss", range_or_null(each.loss)},
                               {"values", each.values}});
  }
  add_frontier(fit.frontier, out);
  out["bootstrap"] = bootstrap_json(fit.options.frontier, "runs resampled whole");
  out["warnings"] = fit.warnings;
  return out;
}

}  // namespace crosslaw::fit
