#include "apps/study/sweep_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "fit/allocate/allocation_report.h"
#include "fit/write/allocation_table.h"
#include "fit/write/table.h"

namespace crosslaw::apps {
namespace {

constexpr std::size_t kMostLines = 5;         // with the report's path six
constexpr std::size_t kMostWithTwoLines = 2;  // languages

double common_budget(const std::vector<PairFits>& fits) {
  double out = std::numeric_limits<double>::infinity();
  for (const PairFits& pair : fits) {
    const fit::FitResult* chosen = pair.find(pair.choice.name);
    if (chosen && chosen->measured_range) out = std::min(out, chosen->measured_range->flops.high);
  }
  return std::isfinite(out) ? out : 0;
}

Advice advice_of(const fit::Estimate& difference) {
  if (!difference.ci95) return Advice::kCannotTell;
  if (difference.ci95->high < 0) return Advice::kContinue;
  return difference.ci95->low > 0 ? Advice::kScratch : Advice::kCannotTell;
}

// The strategy that is advised, else the one of the smaller loss.
const fit::Allocation& preferred(const PairAnswer& answer, const fit::AllocationReport& report) {
  const fit::Allocation &scratch = report.strategies.front(), &last = report.strategies.back();
  if (scratch.rows.empty()) return last;
  if (last.rows.empty()) return scratch;
  if (answer.advice == Advice::kScratch) return scratch;
  if (answer.advice == Advice::kContinue) return last;
  return *last.rows[0].loss.value < *scratch.rows[0].loss.value ? last : scratch;
}

PairAnswer answer_pair(const PairFits& fits, double flops, fit::AllocationReport& report) {
  PairAnswer out{fits.pair, fits.choice, Advice::kNone, {}, "", {}, ""};
  const fit::FitResult* chosen = fits.find(fits.choice.name);
  if (!chosen || !(flops > 0)) {
    out.refused = fits.missing.empty() ? "no finished runs to fit" : fits.missing.front();
    return out;
  }
  fit::AllocationOptions options;
  options.flops = {flops};
  report = fit::report_allocation(*chosen, options);
  if (report.strategies.size() > 1 && !report.savings.empty()) {
    out.difference = report.savings[0].loss_difference;
    out.advice = advice_of(out.difference);
  } else {
    out.advice = Advice::kOneWay;
  }
  const fit::Allocation& best = preferred(out, report);
  if (best.rows.empty()) {
    out.advice = Advice::kNone;
    out.refused = best.refused;
    return out;
  }
  out.strategy = best.strategy;
  out.best = best.rows[0];
  return out;
}

std::string interval(const fit::Estimate& estimate, const char* format) {
  if (!estimate.ci95) return " (no interval)";
  return fmt::format(" [{}, {}]", fmt::format(fmt::runtime(format), estimate.ci95->low),
                     fmt::format(fmt::runtime(format), estimate.ci95->high));
}

std::string counted(const std::string& name, const fit::Estimate& estimate) {
  const std::string value = fmt::format("{} {}", name, fit::short_count(*estimate.value));
  if (!estimate.ci95) return value + " (no interval)";
  return value + " " + fit::short_interval(estimate.ci95->low, estimate.ci95->high);
}

std::string describe_split(const PairAnswer& answer, bool ratio) {
  std::string out = counted("N*", answer.best.params) + ", " + counted("D*", answer.best.tokens);
  if (!ratio) return out;
  const fit::Estimate& share = answer.best.tokens_per_param;
  return out + fmt::format(", D*/N* {:.3g}", *share.value) + interval(share, "{:.3g}");
}

std::string describe_advice(const PairAnswer& answer) {
  const std::string loss = answer.difference.value
                               ? fmt::format("loss {:+.4f}", *answer.difference.value) +
                                     interval(answer.difference, "{:+.4f}")
                               : "no difference";
  switch (answer.advice) {
    case Advice::kContinue:
      return fmt::format("continue from {}, {}", answer.pair.source_language, loss);
    case Advice::kScratch:
      return fmt::format("train from scratch; continued {}", loss);
    case Advice::kCannotTell:
      return fmt::format("cannot tell: continued from {}, {}", answer.pair.source_language, loss);
    case Advice::kOneWay:
      return "trained from scratch only";
    case Advice::kNone:
      break;
  }
  return "no answer: " + answer.refused;
}

// Which law each language goes by, and why.
std::string describe_laws(const std::vector<PairAnswer>& pairs) {
  std::string laws;
  for (const PairAnswer& each : pairs) {
    if (each.advice == Advice::kNone) continue;
    laws += fmt::format("{}{} {} {}", laws.empty() ? "" : ", ", each.pair.label(), each.choice.name,
                        each.choice.brief);
  }
  if (laws.empty()) return "";
  const bool chance = laws.find('~') != std::string::npos;
  const bool tested = chance || laws.find('<') != std::string::npos;
  return (chance   ? "held-out error, ~ may be chance: "
          : tested ? "law by held-out error: "
                   : "law: ") +
         laws;
}

// On a page's width, whatever stands in it.
std::string cut(std::string line) {
  if (fit::display_width(line) <= fit::kPageColumns) return line;
  line.resize(fit::kPageColumns - 3);
  return line + "...";
}

std::vector<std::string> two_lines_each(const SweepAnswer& answer) {
  std::vector<std::string> out;
  for (const PairAnswer& each : answer.pairs) {
    const bool compared = each.advice != Advice::kNone && each.advice != Advice::kOneWay;
    out.push_back(fmt::format("{}: {}{}", each.pair.label(), describe_advice(each),
                              compared ? " against scratch" : ""));
    if (each.advice == Advice::kNone) continue;
    out.push_back(fmt::format("  {} at C {:.2e}: {}",
                              each.strategy.empty() ? "scratch" : each.strategy, answer.flops,
                              describe_split(each, true)));
  }
  out.push_back(describe_laws(answer.pairs));
  if (out.back().empty()) out.pop_back();
  return out;
}

std::vector<std::string> one_line_each(const SweepAnswer& answer) {
  std::vector<std::string> out = {fmt::format(
      "At C = {:.3g} FLOPs ({}, the most measured); loss of continued less scratch:", answer.flops,
      answer.compute)};
  for (const PairAnswer& each : answer.pairs) {
    const auto left = static_cast<std::size_t>(&answer.pairs.back() - &each) + 1;
    if (out.size() + 1 == kMostLines && left > 1) {
      out.push_back(fmt::format("and {} more: crosslaw allocate prints them all", left));
      break;
    }
    out.push_back(fmt::format("{}: {}", each.pair.label(), describe_advice(each)));
    if (each.advice == Advice::kNone) continue;
    out.back() += fmt::format("; {} ({})", describe_split(each, false), each.choice.name);
  }
  return out;
}

}  // namespace

SweepAnswer sweep_answer(const Observations& observations, const std::vector<PairFits>& fits) {
  SweepAnswer out;
  out.flops = common_budget(fits);
  out.compute = convention_of(observations, false).compute;
  const auto warn = [&](const std::string& whose, const std::string& sentence) {
    const std::string line = whose + ": " + sentence;
    if (std::find(out.warnings.begin(), out.warnings.end(), line) == out.warnings.end())
      out.warnings.push_back(line);
  };
  for (const PairFits& pair : fits) {
    fit::AllocationReport report;
    out.pairs.push_back(answer_pair(pair, out.flops, report));
    for (const std::string& sentence : pair.missing) warn(pair.pair.label(), sentence);
    if (report.strategies.empty()) continue;
    for (const std::string& sentence : fit::warnings(report)) warn(pair.pair.label(), sentence);
  }
  return out;
}

std::vector<std::string> answer_lines(const SweepAnswer& answer) {
  std::vector<std::string> out =
      answer.pairs.size() <= kMostWithTwoLines ? two_lines_each(answer) : one_line_each(answer);
  for (std::string& line : out) line = cut(std::move(line));
  return out;
}

}  // namespace crosslaw::apps
