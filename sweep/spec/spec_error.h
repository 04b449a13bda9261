#pragma once

#include <stdexcept>

namespace crosslaw::sweep {

// What is wrong with a spec: file, line and key, what was found, what was expected.
struct SpecError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

}  // namespace crosslaw::sweep
