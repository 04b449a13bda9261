#include "fit/evidence/verification.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <stdexcept>
#include <utility>

#include "fit/allocate/best_split.h"
#include "fit/data/number_text.h"
#include "fit/laws/law_parts.h"
#include "fit/laws/power_form.h"
#include "fit/solve/newton.h"
#include "fit/solve/noise_factors.h"

namespace crosslaw::fit {
namespace {

constexpr double kSameObjective = 1e-6;  // relative: the optimum, found by two programs
constexpr double kFarApart = 2;          // a factor in N* that turns a plan round
constexpr int kInsideBox = 512;          // points of the box beside its corners

// A conclusion as a function of plain coordinates, and what it means when it is on either side.
struct Question {
  std::string name;
  std::function<std::optional<double>(const Theta&)> value;
  std::optional<double> turns_at;  // the value at which a conclusion turns round
  std::string turned;              // what is said when both sides are within the rounding
  bool factor = false;             // else: a factor of kFarApart turns it round
};

Theta theta_at(const Claim& claim, const std::function<double(std::size_t)>& place) {
  std::vector<double> values;
  for (std::size_t i = 0; i < claim.coefficients.size(); ++i) {
    const PrintedNumber& each = claim.coefficients[i];
    double value = each.value + place(i) * each.half;
    // A level that may round to 0 is still above it.
    if (claim.law->coefficients[i].kind != Kind::kExponent && each.value > 0) {
      value = std::max(value, 1e-6 * each.value);
    }
    values.push_back(value);
  }
  return theta_from_values(*claim.law, values);
}

// The corners of the box of all coefficients that print as claimed, and points inside it.
std::vector<Theta> box_of(const Claim& claim) {
  const std::size_t count = claim.coefficients.size();
  std::vector<Theta> out;
  for (std::size_t corner = 0; corner < (std::size_t{1} << count); ++corner) {
    out.push_back(theta_at(claim, [&](std::size_t i) { return (corner >> i) & 1u ? 1.0 : -1.0; }));
  }
  for (int k = 1; k <= kInsideBox; ++k) {
    out.push_back(theta_at(claim, [&](std::size_t i) {
      // Multiples of square roots of primes modulo 1 fill the box evenly (Kronecker's sequence).
      constexpr std::array kPrimes = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29};
      return 2 * std::fmod(k * std::sqrt(kPrimes[i % kPrimes.size()]), 1.0) - 1;
    }));
  }
  return out;
}

void ask_of_optimum(const LawPart& part, const std::vector<double>& budgets,
                    std::vector<Question>& out) {
  const auto growth = [part](const Theta& whole) -> std::optional<double> {
    const auto form = power_form(*part.law, part_theta(part, whole));
    const auto line = form ? optimum_growth(*form) : std::nullopt;
    return line ? std::optional(line->params_exponent) : std::nullopt;
  };
  out.push_back({labelled(part.strategy, "a of N* ~ C^a"), growth, 0.5,
                 "whether parameters or tokens are to grow faster turns round", false});
  for (const double flops : budgets) {
    const auto split = [part, flops](const Theta& whole) {
      return best_split(*part.law, part_theta(part, whole), {flops, {}, {}});
    };
    out.push_back({labelled(part.strategy, fmt::format("N* at C = {:.4g}", flops)),
                   [split](const Theta& whole) -> std::optional<double> {
                     const auto best = split(whole);
                     return best ? std::optional(best->params) : std::nullopt;
                   },
                   std::nullopt, "", true});
    out.push_back({labelled(part.strategy, fmt::format("D*/N* at C = {:.4g}", flops)),
                   [split](const Theta& whole) -> std::optional<double> {
                     const auto best = split(whole);
                     return best ? std::optional(best->tokens / best->params) : std::nullopt;
                   },
                   std::nullopt, "", true});
  }
}

// What continuing saves of a scratch run's tokens at equal loss; what is less than nothing is lost.
void ask_of_transfer(const Law& law, const VerificationOptions& options,
                     std::vector<Question>& out) {
  for (const double params : options.sizes) {
    const double tokens = options.tokens_per_param * params;
    out.push_back(
        {fmt::format("tokens saved at N = {:.4g}, D = {:.4g} N", params, options.tokens_per_param),
         [&law, params, tokens](const Theta& whole) -> std::optional<double> {
           const LawPart scratch = part_at(law, Stage::kScratch);
           const LawPart continued = part_at(law, Stage::kContinued);
           const auto from = power_form(*scratch.law, part_theta(scratch, whole));
           const auto to = power_form(*continued.law, part_theta(continued, whole));
           // Tokens with which the continued model is as good as the scratch run.
           const auto equal = equal_loss_tokens(*to, *from, params, tokens);
           return equal ? std::optional(1 - *equal / tokens) : std::nullopt;
         },
         0, "whether to continue or to train from scratch turns round", false});
  }
}

std::vector<Question> questions_of(const Claim& claim, const VerificationOptions& options) {
  std::vector<Question> out;
  const Law& law = *claim.law;
  if (law.parts.size() == 2) ask_of_transfer(law, options, out);
  for (const LawPart& part : parts_of(law)) ask_of_optimum(part, options.flops, out);
  return out;
}

std::string what_flips(const Question& question, const Range& range, int missing, int all) {
  if (missing > 0 && missing < all) return "whether there is any turns round";
  if (question.turns_at && range.low < *question.turns_at && range.high > *question.turns_at) {
    return question.turned;
  }
  if (question.factor && range.high > kFarApart * range.low) {
    return fmt::format("it is open to a factor of {:.2g}", range.high / range.low);
  }
  return "";
}

std::vector<Conclusion> conclude(const Claim& claim, const VerificationOptions& options,
                                 const FitResult* best) {
  const Theta printed = theta_at(claim, [](std::size_t) { return 0.0; });
  const std::vector<Theta> box = box_of(claim);
  std::vector<Conclusion> out;
  for (const Question& question : questions_of(claim, options)) {
    Conclusion one;
    one.name = question.name;
    one.printed = question.value(printed);
    int missing = 0;
    for (const Theta& theta : box) {
      const auto value = question.value(theta);
      if (!value) {
        ++missing;
      } else if (!one.rounding) {
        one.rounding = Range{*value, *value};
      } else {
        one.rounding =
            Range{std::min(one.rounding->low, *value), std::max(one.rounding->high, *value)};
      }
    }
    if (best != nullptr) one.data = estimate(*best, question.value);
    const bool said = one.printed || one.rounding || (one.data && one.data->value);
    if (!said) continue;
    if (one.rounding) {
      one.flips = what_flips(question, *one.rounding, missing, static_cast<int>(box.size()));
    }
    out.push_back(std::move(one));
  }
  return out;
}

// 95 % of chi-square (Wilson and Hilferty 1931).
double chi_square95(int degrees) {
  const double spread = 2.0 / (9 * degrees);
  return degrees * std::pow(1 - spread + 1.644853626951 * std::sqrt(spread), 3);
}

// The least objective of coefficients that print as claimed.
double least_within_rounding(const Claim& claim, const Objective& objective) {
  // The box is one of plain coordinates: the samples go back to where they were measured.
  std::vector<Sample> samples = objective.samples;
  for (Sample& each : samples) {
    each.log_params += objective.mean_log_params;
    each.log_tokens += objective.mean_log_tokens;
  }
  SearchBox box;
  box.lower = theta_at(claim, [](std::size_t) { return -1.0; });
  box.upper = theta_at(claim, [](std::size_t) { return 1.0; });
  std::fill_n(box.free.begin(), claim.coefficients.size(), true);
  double least = std::numeric_limits<double>::infinity();
  std::vector<Theta> starts = {theta_at(claim, [](std::size_t) { return 0.0; })};
  Theta nearest = starts.front();
  for (const Theta& each : box_of(claim)) {
    Sums sums;
    claim.law->accumulate(each, samples, objective.delta, sums);
    if (!(sums.objective < least)) continue;
    least = sums.objective;
    nearest = each;
  }
  starts.push_back(nearest);
  for (const Theta& start : starts) {
    least = std::min(least, minimise(*claim.law, samples, objective.delta, box, start).objective);
  }
  return least;
}

void compare_with_data(const Claim& claim, const Points& points, const VerificationOptions& options,
                       Verification& out) {
  FitOptions settings = options.fit;
  settings.law = std::string(claim.law->name);
  out.best = fit_law(points, settings);
  const FitResult& best = *out.best;
  const Objective objective = make_objective(*claim.law, points, best.huber_delta);
  const Theta printed = theta_at(claim, [](std::size_t) { return 0.0; });
  out.claimed_objective = evaluate(objective, objective.centred(printed)).objective;
  out.rounding_objective = std::min(out.claimed_objective, least_within_rounding(claim, objective));
  const double tau = noise_factors(objective, objective.centred(best.theta)).ratio;
  out.likelihood_ratio = std::max(0.0, 2 * (out.rounding_objective - best.objective) / tau);
  out.likelihood_limit = chi_square95(claim.law->size());
  const double slack = kSameObjective * best.objective;
  if (out.rounding_objective < best.objective - slack) {
    out.outcome = Reproduction::kBetterThanOurs;
  } else if (out.rounding_objective <= best.objective + slack) {
    out.outcome = Reproduction::kReproduced;
  } else {
    out.outcome = out.likelihood_ratio <= out.likelihood_limit ? Reproduction::kIndistinct
                                                               : Reproduction::kNotReproduced;
  }
}

std::string sentence_of(const Verification& found) {
  const auto ratio = [&] {
    return fmt::format("likelihood ratio {:.3g} against {:.3g} that chance allows in 95 %",
                       found.likelihood_ratio, found.likelihood_limit);
  };
  switch (found.outcome) {
    case Reproduction::kNoData:
      return "without data: what the printed digits imply, not whether they are right";
    case Reproduction::kReproduced:
      return "reproduced: the optimum prints as claimed";
    case Reproduction::kIndistinct:
      return "not the optimum of this objective, but the data cannot tell it from the optimum (" +
             ratio() + "): another estimator, or the search stopped early";
    case Reproduction::kNotReproduced:
      return "not reproduced: a better optimum exists (" + ratio() + ")";
    case Reproduction::kBetterThanOurs:
      return "the claim fits better than what the search found: more --starts";
  }
  throw std::logic_error("an outcome without a sentence");
}

void say_verdict(Verification& out) {
  out.verdict.push_back(sentence_of(out));
  if (out.best && out.claimed_objective > out.rounding_objective * (1 + 1e-3)) {
    out.verdict.push_back(
        fmt::format("rounding alone costs the claim {:.3g} % of its objective ({:.6g} as printed, "
                    "{:.6g} at best within the digits)",
                    100 * (out.claimed_objective / out.rounding_objective - 1),
                    out.claimed_objective, out.rounding_objective));
  }
  for (const Conclusion& each : out.conclusions) {
    if (each.flips.empty()) continue;
    out.verdict.push_back(
        fmt::format("rounding flips {}: {} within the printed digits", each.name, each.flips));
  }
  if (out.best && !out.best->identifiable) {
    std::vector<std::string> open;
    for (const Coefficient& each : out.best->coefficients) {
      if (!each.identifiable) open.push_back(each.name);
    }
    out.verdict.push_back(
        fmt::format("the data do not identify {}{}", fmt::join(open, ", "),
                    out.best->confounded.empty() ? std::string() : ": " + out.best->confounded));
  }
}

void require_complete(const Claim& claim) {
  if (claim.law == nullptr ||
      claim.coefficients.size() != static_cast<std::size_t>(claim.law->size())) {
    throw std::invalid_argument("a claim needs a number for every coefficient of its law");
  }
  theta_at(claim, [](std::size_t) { return 0.0; });  // throws for a level that is not above 0
}

}  // namespace

std::optional<PrintedNumber> read_printed(std::string_view text) {
  text = trimmed(text);
  const std::optional<WrittenNumber> number = read_number(text);
  // "410M" does not say which of its digits are printed.
  if (!number || number->scaled || !std::isfinite(number->value)) return std::nullopt;
  // "2.1e3": digits behind the point, less the exponent, say what the last digit is worth.
  const std::size_t exponent_at = text.find_first_of("eE");
  const std::string_view digits = text.substr(0, exponent_at);
  const std::size_t point = digits.find('.');
  double unit = 0;
  if (point != std::string_view::npos) {
    unit = -static_cast<double>(std::count_if(digits.begin() + static_cast<std::ptrdiff_t>(point),
                                              digits.end(),
                                              [](char c) { return c >= '0' && c <= '9'; }));
  }
  if (exponent_at != std::string_view::npos) {
    unit += parse_number(text.substr(exponent_at + 1)).value_or(0);
  }
  return PrintedNumber{number->value, 0.5 * std::pow(10, unit)};
}

std::string_view name_of(Reproduction outcome) {
  switch (outcome) {
    case Reproduction::kNoData:
      return "no data";
    case Reproduction::kReproduced:
      return "reproduced";
    case Reproduction::kIndistinct:
      return "indistinct";
    case Reproduction::kNotReproduced:
      return "not reproduced";
    case Reproduction::kBetterThanOurs:
      return "better than the search";
  }
  throw std::logic_error("an outcome without a name");
}

Verification verify(const Claim& claim, const VerificationOptions& options) {
  require_complete(claim);
  Verification out;
  out.claim = claim;
  out.conclusions = conclude(claim, options, nullptr);
  say_verdict(out);
  return out;
}

Verification verify(const Claim& claim, const Points& points, const VerificationOptions& options) {
  require_complete(claim);
  Verification out;
  out.claim = claim;
  compare_with_data(claim, points, options, out);
  out.conclusions = conclude(claim, options, &*out.best);
  say_verdict(out);
  return out;
}

}  // namespace crosslaw::fit
