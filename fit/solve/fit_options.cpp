#include "fit/solve/fit_options.h"

#include <fmt/format.h>

namespace crosslaw::fit {

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
  return out;
}

}  // namespace crosslaw::fit
