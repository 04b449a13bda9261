#pragma once

#include <string>

namespace crosslaw::apps {

// What C is in a figure. Everything drawn in one figure is counted in one way, which its axis
// names: a line fitted over one C and drawn over the other lies 20 to 50 % beside its points.
enum class ComputeCount {
  kExact,  // FLOPs of the target-language tokens, attention and head included
  kSixNd,  // C = 6 N D, as in arXiv:2407.02118
};

// "exact FLOPs" or "6ND FLOPs": the words on an axis.
std::string axis_name(ComputeCount compute);

}  // namespace crosslaw::apps
