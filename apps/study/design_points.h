#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "fit/allocate/ladder_choice.h"
#include "fit/allocate/next_runs.h"
#include "fit/data/points.h"
#include "fit/laws/compute_model.h"

namespace crosslaw::apps {

// The losses that a sweep would measure, before it has measured any: points without losses.
struct PlannedPoints {
  std::string what;  // the sweep in words
  fit::Points points;
  double flops = 0;  // 6 N D of all runs together
  std::size_t runs = 0;
  double vocabulary = 0;  // of a spec's models; 0: not known
};

// Of a spec, one target language (empty: the first that is continued from another, else the first):
// its runs from scratch and the continued ones. Ends of schedules, unless every size has but one
// budget; then all losses after the first tenth of a run. Checkpoints of one size and seed share a
// cluster. Throws std::invalid_argument.
PlannedPoints points_of_spec(const std::filesystem::path& spec, const std::string& language);

// Every size at every number of tokens a parameter, from scratch and, with `both`, continued as
// well. The losses of one size share a cluster, for they may share a run, or the trunk of one.
PlannedPoints points_of_grid(const std::vector<double>& params,
                             const std::vector<double>& tokens_per_param, bool both);

// Runs that may be added to those that cover `covered`: every size at every number of tokens a
// parameter, with `both` from scratch and continued. No sizes: 24 from the smallest measured to
// four times the largest; no tokens_per_param: 16 from the least measured to twice the most, of at
// least as many tokens as the shortest run.
std::vector<fit::CandidateRun> candidate_runs(const fit::DataRange& covered,
                                              const fit::ComputeModel& compute, bool both,
                                              std::vector<fit::LadderSize> sizes,
                                              const std::vector<double>& tokens_per_param);

}  // namespace crosslaw::apps
