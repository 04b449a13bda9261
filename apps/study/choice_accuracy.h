#pragma once

#include <cstdint>

namespace crosslaw::apps {

// A share of questions with its 95 % interval (Wilson 1927), which stays within 0 and 1 and holds
// for few questions, too.
struct Accuracy {
  double share = 0, low = 0, high = 0;
};
Accuracy accuracy(std::int64_t correct, std::int64_t questions);

}  // namespace crosslaw::apps
