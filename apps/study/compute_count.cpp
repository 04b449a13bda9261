#include "apps/study/compute_count.h"

namespace crosslaw::apps {

std::string axis_name(ComputeCount compute) {
  return compute == ComputeCount::kExact ? "exact FLOPs" : "6ND FLOPs";
}

}  // namespace crosslaw::apps
