#pragma once

#include <string>

#include "sweep/spec/spec.h"

namespace crosslaw::sweep {

// What can be told of a sweep's texts and tokenizer before any text is read: `crosslaw plan`
// refuses what `crosslaw run` would. Throws SpecError or std::invalid_argument with the key. Text
// that is not there yet is no fault of a plan: the sentence that says so; empty: all is there.
std::string check_texts(const SweepSpec& spec);

}  // namespace crosslaw::sweep
