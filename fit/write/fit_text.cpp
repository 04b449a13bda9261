#include "fit/write/fit_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "fit/allocate/allocation_report.h"
#include "fit/allocate/known_answers.h"
#include "fit/laws/law_parts.h"
#include "fit/write/convention.h"

namespace crosslaw::fit {
namespace {

constexpr std::size_t kIndent = 14;  // of what stands behind "problem:" and the like

// Six digits, which the published coefficients need: rounding them further moves D*/N* fivefold.
std::string six_digits(double value) { return fmt::format("{:.6g}", value); }
std::string short_number(double value) { return fmt::format("{:#.3g}", value); }

// A standard error above the value says nothing that its log does not say better.
std::string spread(double value, const std::optional<double>& se,
                   const std::optional<double>& log_se = std::nullopt) {
  if (log_se && (!se || *se > value)) return "log " + short_number(*log_se);
  return se ? short_number(*se) : "-";
}

std::string degree(const Verdict& verdict) {
  return verdict.degree == Knowledge::kKnown         ? "yes"
         : verdict.degree == Knowledge::kWeaklyKnown ? "weakly"
                                                     : "NO";
}

std::string interval(const std::optional<Range>& range) {
  return range ? fmt::format("[{:#.4g}, {:#.4g}]", range->low, range->high) : "-";
}

std::string describe_objective(const FitResult& fit) {
  const double delta = fit.huber_delta;
  return fmt::format("objective:    {:.9g} ({})\n", fit.objective,
                     std::isfinite(delta)
                         ? fmt::format("sum of Huber, delta {:.3g}{}, on log residuals", delta,
                                       fit.auto_delta ? " by the residuals" : "")
                         : "half the sum of squared log residuals");
}

std::string describe_points(const FitResult& fit) {
  std::string out = fmt::format(
      "{} points{}\n", fit.points,
      fit.over_weight == 1
          ? ""
          : fmt::format("; where the law overestimates they weigh {:.4g}", fit.over_weight));
  if (!fit.convention.params.empty()) out += convention_note(fit.convention, TableFormat::kText);
  if (!fit.measured_range) return out;
  const DataRange& c = *fit.measured_range;
  out += fmt::format("N {} to {}, D {} to {}, D/N {:.3g} to {:.3g}, {} {:.3g} to {:.3g}\n",
                     short_count(c.params.low), short_count(c.params.high),
                     short_count(c.tokens.low), short_count(c.tokens.high), c.tokens_per_param.low,
                     c.tokens_per_param.high, fit.compute ? "C" : "6ND", c.flops.low, c.flops.high);
  if (fit.compute) out += fmt::format("compute: {}\n", describe(*fit.compute));
  return out;
}

std::string describe_certificate(const FitResult& fit) {
  const Certificate& c = fit.certificate;
  std::string out = fmt::format(
      "optimum:      {}, gradient {:.1e} (terms sum to {:.1e}), {} of {} starts end here\n",
      fit.converged ? "stationary" : "NOT stationary", c.gradient_norm, c.gradient_scale,
      c.starts_at_best, c.starts);
  if (c.points_searched > 0 && c.points_searched < fit.points) {
    out += fmt::format("              starts ran on {} of the points, the best on all\n",
                       c.points_searched);
  }
  for (const OtherOptimum& other : c.other_optima) {
    out += fmt::format("              {} starts end at another optimum, objective {:.6g}\n",
                       other.starts, other.objective);
  }
  out += fmt::format("residuals:    {:.3g} % rms of the loss, {:.0f} % within delta\n",
                     100 * c.rms_log_residual, 100 * c.quadratic_share);
  return out + fmt::format("identifiable: {} (condition number {:.4g})\n",
                           fit.identifiable ? "yes" : "NO", c.condition);
}

// The same in a line: what a reader needs who trusts it.
std::string summarise_certificate(const FitResult& fit) {
  const Certificate& c = fit.certificate;
  return fmt::format(
      "fit:          {}, {} of {} starts end here; {}; off by {:.3g} % rms\n",
      fit.converged ? "optimum certified" : "NO optimum was reached", c.starts_at_best, c.starts,
      fit.identifiable ? "identifiable" : "NOT identifiable", 100 * c.rms_log_residual);
}

void add_estimate(Table& table, const std::string& name, const Estimate& each, bool counts) {
  if (!each.value) return;
  const auto number = [&](double value) { return counts ? short_count(value) : six_digits(value); };
  table.rows.push_back({name, number(*each.value),
                        each.se ? (counts ? short_count(*each.se) : short_number(*each.se)) : "-",
                        !each.ci95 ? "-"
                        : counts   ? short_interval(each.ci95->low, each.ci95->high)
                                   : interval(each.ci95)});
}

// What the coefficients imply at the largest measured compute, strategy by strategy.
void add_optimum(const FitResult& fit, Table& table) {
  AllocationOptions options;
  options.flops = {fit.measured_range->flops.high};
  for (const Allocation& each : report_allocation(fit, options).strategies) {
    const std::string whose = each.strategy.empty() ? "" : " " + each.strategy;
    if (each.growth) {
      add_estimate(table, "a" + whose, each.growth->params_exponent, false);
      add_estimate(table, "b" + whose, each.growth->tokens_exponent, false);
    }
    for (const AllocationRow& row : each.rows) {
      add_estimate(table, "N*" + whose, row.params, true);
      add_estimate(table, "D*" + whose, row.tokens, true);
      add_estimate(table, "D*/N*" + whose, row.tokens_per_param, false);
    }
  }
}

std::string describe_answers(const FitResult& fit) {
  std::string out;
  for (const KnownAnswer& each : known_answers(fit)) {
    const bool loss = each.name.ends_with("loss");
    const auto number = [&](double value) {
      return loss ? fmt::format("{:.4f}", value) : short_count(value);
    };
    std::string known{name_of(each.verdict.degree)};
    if (each.spread.value && each.spread.ci95) {
      known += fmt::format(", {} [{}, {}]", number(*each.spread.value),
                           number(each.spread.ci95->low), number(each.spread.ci95->high));
    } else if (!each.verdict.reason.empty()) {
      known += ": " + each.verdict.reason;
    }
    out += fmt::format("{:<13} at C = {:.3g} {}\n", each.name + ":", each.flops, known);
  }
  return out;
}

// Answers stand in the table of coefficients where all of these are known.
bool known_answers_matter(const FitResult& fit) {
  return std::any_of(fit.coefficients.begin(), fit.coefficients.end(), [](const Coefficient& each) {
    return each.verdict.degree != Knowledge::kKnown;
  });
}

// One line; of a fit of which only some stages have draws a line each, after the name of the stage.
std::string describe_bootstrap(const FitResult& fit, std::string_view label = "intervals") {
  const auto drawn = [](const FitResult& each) { return each.draws.rows() > 0; };
  if (!drawn(fit) && std::any_of(fit.stages.begin(), fit.stages.end(), drawn)) {
    std::string out;
    const std::vector<LawPart> parts = parts_of(*fit.law);
    for (std::size_t s = 0; s < fit.stages.size(); ++s) {
      out += describe_bootstrap(fit.stages[s], parts[s].strategy);
    }
    return out;
  }
  const std::string head = fmt::format("{:<14}", fmt::format("{}:", label));
  if (!drawn(fit)) {
    return fmt::format(
        "{}{}, {}\n", head, label == "intervals" ? "none" : "no intervals",
        fit.bootstrap.reason.empty() ? "no bootstrap was asked for" : fit.bootstrap.reason);
  }
  const BootstrapRecord& record = fit.bootstrap;
  const char* what = record.kind == Resampling::kParametric ? "new losses by the law and its noise"
                     : record.kind == Resampling::kClusters ? "runs resampled"
                                                            : "points resampled";
  return wrapped(fmt::format("{}95 %, {} refits, {}{}, seed {}", head, fit.draws.rows(), what,
                             record.reason.empty() ? "" : " (" + record.reason + ")", record.seed),
                 kPageColumns, kIndent) +
         "\n";
}

}  // namespace

Table coefficient_table(const FitResult& fit) {
  const bool all =
      std::all_of(fit.coefficients.begin(), fit.coefficients.end(),
                  [](const Coefficient& each) { return each.verdict.degree == Knowledge::kKnown; });
  Table out;
  out.header = {"", "value", "se", "95%"};
  // A column that says yes in every row would say nothing.
  if (!all) out.header.emplace_back("known");
  for (const Coefficient& each : fit.coefficients) {
    std::vector<std::string> row = {each.name, six_digits(each.value),
                                    spread(each.value, each.se, each.log_se), interval(each.ci95)};
    if (each.frozen) row[0] += each.held.empty() ? " (frozen)" : fmt::format(" ({})", each.held);
    if (!all) row.push_back(degree(each.verdict));
    out.rows.push_back(std::move(row));
  }
  for (const Derived& each : fit.derived()) {
    out.rows.push_back(
        {each.name, six_digits(each.value), spread(each.value, each.se), interval(each.ci95)});
    if (!all) out.rows.back().emplace_back("");
  }
  if (all && fit.identifiable && fit.measured_range) add_optimum(fit, out);
  return out;
}

Table coefficient_csv(const FitResult& fit) {
  Table out;
  out.header = {"coefficient", "value", "se", "ci95_low", "ci95_high", "identifiable", "held"};
  for (const Coefficient& each : fit.coefficients) {
    out.rows.push_back({each.name, exact(each.value), each.se ? exact(*each.se) : "",
                        each.ci95 ? exact(each.ci95->low) : "",
                        each.ci95 ? exact(each.ci95->high) : "", each.identifiable ? "1" : "0",
                        !each.frozen        ? ""
                        : each.held.empty() ? "frozen"
                                            : each.held});
  }
  return out;
}

std::string describe(const FitResult& fit, bool verbose) {
  std::string out = fmt::format("{}: {}\n", fit.method == "two-stage" ? fit.method : fit.law->name,
                                fit.law->formula);
  out += describe_points(fit) + "\n";
  const Table table = coefficient_table(fit);
  out += render(table, TableFormat::kText);
  // Further rows are those of add_optimum, whose symbols are explained here.
  if (table.rows.size() > fit.coefficients.size() + fit.derived().size()) {
    out +=
        fmt::format("N* ~ C^a, D* ~ C^b; N*, D* at C = {:.4g}\n", fit.measured_range->flops.high);
  }
  out += "\n" + (verbose ? describe_objective(fit) + describe_certificate(fit)
                         : summarise_certificate(fit));
  out += describe_bootstrap(fit);
  if (known_answers_matter(fit)) out += describe_answers(fit);
  for (const std::string& problem : fit.problems) {
    out += wrapped("problem:      " + problem, kPageColumns, kIndent) + "\n";
  }
  return out;
}

}  // namespace crosslaw::fit
