#pragma once

#include <string>

#include "tests/support/temp_folder.h"

namespace crosslaw::tests {

// A spec with three sizes, two budgets, a source, a scratch and a continued strategy on a few
// kilobytes of made-up text, written into a folder of its own.
struct SmallSweep {
  TempFolder folder;
  std::filesystem::path spec;

  SmallSweep();
  // Writes the spec with one piece of text replaced by another.
  void edit(const std::string& from, const std::string& to) const;
  static std::string spec_text();
};

}  // namespace crosslaw::tests
