#pragma once

#include <stdexcept>

namespace crosslaw::sweep {

// What is wrong with a spec: file, line and key, what was found, what was expected.
struct SpecError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

// A spec may be planned before its text is there; to train it is too early.
struct MissingText : SpecError {
  using SpecError::SpecError;
};

}  // namespace crosslaw::sweep
