#include "fit/solve/fit_options.h"

#include <fmt/format.h>

#include <utility>

#include "fit/laws/laws.h"

namespace crosslaw::fit {

int usual_draws(std::size_t points) {
  constexpr std::size_t kManyPoints = 20000;
  return points > kManyPoints ? 200 : FitOptions{}.draws;
}

std::vector<std::string> problems(const FitOptions& options) {
  std::vector<std::string> out;
  if (!(options.huber_delta > 0)) {
    out.push_back(fmt::format("huber_delta = {} must be above 0", options.huber_delta));
  }
  if (options.starts < 1 || options.starts > 100000) {
    out.push_back(fmt::format("starts = {} must be 1 to 100000", options.starts));
  }
  if (options.draws < 0 || options.draws > 10000000) {
    out.push_back(fmt::format("draws = {} must be 0 to 10000000", options.draws));
  }
  if (options.threads < 0 || options.threads > 1024) {
    out.push_back(fmt::format("threads = {} must be 0 (one a core) to 1024", options.threads));
  }
  constexpr double kMostOverWeight = 1e6;  // beyond it rounding decides
  if (!(options.over_weight > 0 && options.over_weight <= kMostOverWeight)) {
    out.push_back(fmt::format("over_weight = {} must be above 0 and at most {:.0e}",
                              options.over_weight, kMostOverWeight));
  }
  const bool steered = !options.constraints.empty() || options.over_weight != 1;
  if (steered && options.law == kTwoStageLaw) {
    out.emplace_back(
        "a two-stage fit takes neither constraints on coefficients nor another weight for "
        "overestimates; law joint, which fits both strategies at once, does");
  } else if (!options.constraints.empty()) {
    for (std::string& each : problems(find_law(options.law), options.constraints))
      out.push_back(std::move(each));
  }
  return out;
}

}  // namespace crosslaw::fit
