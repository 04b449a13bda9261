#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fit/solve/fitter.h"

// Whether coefficients that a study prints are what its data say, and whether they say what the
// study says: printed digits are a box, and conclusions may differ within it.
namespace crosslaw::fit {

// A number with what its last printed digit leaves open.
struct PrintedNumber {
  double value = 0;
  double half = 0;  // half a unit of the last digit: "406.4" is 406.4 +- 0.05, "2.1e3" 2100 +- 50
};
// Empty for what is no number.
std::optional<PrintedNumber> read_printed(std::string_view text);

struct Claim {
  const Law* law = nullptr;
  std::vector<PrintedNumber> coefficients;  // in the order of the law
};

struct VerificationOptions {
  FitOptions fit;             // law is not used
  std::vector<double> flops;  // budgets whose optimum is a conclusion
  // Runs whose continued and scratch losses are compared, where the law has both.
  std::vector<double> sizes = {5e7, 3e8, 1e9, 5e9};
  double tokens_per_param = 20;
};

// A conclusion that follows from coefficients.
struct Conclusion {
  std::string name;               // "N* at C = 1e+21", "saved at N = 1e+09, D = 20 N"
  std::optional<double> printed;  // by the printed digits; absent: there is none
  std::optional<Range> rounding;  // over all coefficients that print as these; absent: never there
  std::string flips;              // what turns round within the rounding; empty: nothing does
  std::optional<Estimate> data;   // by the best fit of the data
};

enum class Reproduction {
  kNoData,
  kReproduced,      // coefficients that print as claimed are the optimum
  kIndistinct,      // they are not, yet the data cannot tell them from it
  kNotReproduced,   // a better optimum exists by more than chance
  kBetterThanOurs,  // the claim has the smaller objective: the search has missed an optimum
};
std::string_view name_of(Reproduction outcome);

struct Verification {
  Claim claim;
  Reproduction outcome = Reproduction::kNoData;
  std::optional<FitResult> best;  // of the claimed law to the data
  double claimed_objective = 0;   // of the printed digits
  double rounding_objective = 0;  // the least of coefficients that print as these
  double likelihood_ratio = 0;    // 2 (F - F*) / tau of those (see NoiseFactors::ratio)
  double likelihood_limit = 0;    // 95 % of chi-square with as many degrees as coefficients
  std::vector<Conclusion> conclusions;
  std::vector<std::string> verdict;  // plain sentences
};

// What the claim implies by itself.
Verification verify(const Claim& claim, const VerificationOptions& options);
// And against its data. Throws std::invalid_argument like fit_law.
Verification verify(const Claim& claim, const Points& points, const VerificationOptions& options);

}  // namespace crosslaw::fit
