#pragma once

#include <string>
#include <string_view>

#include "fit/solve/fit_result.h"

namespace CLI {
class App;
}

namespace crosslaw::apps {

// What printed coefficients say of themselves.
inline const fit::Convention kOfCoefficients = {"as in the coefficients", "6ND",
                                                "in the unit of the coefficients"};

// A fit that is there already, for `allocate` and `design`; at most one of the two.
struct GivenFitOptions {
  std::string file;          // the output of fit --json
  std::string coefficients;  // "E=1.69,A=406.4,alpha=0.34,B=410.7,beta=0.28[,gamma=...]"
};

// Refuses a coefficient that makes larger models or more tokens worse, and one that slipped, such
// as 34.7 for 0.347; levels pass. Throws std::invalid_argument.
void require_falling(std::string_view flag, std::string_view name, double value);

void add_given_fit_options(CLI::App& command, GivenFitOptions& options);

// A fit of typed-in coefficients: the law is the one that has exactly these. Throws
// std::invalid_argument.
fit::FitResult parse_coefficients(const std::string& text);

}  // namespace crosslaw::apps
