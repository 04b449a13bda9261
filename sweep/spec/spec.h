#pragma once

#include <filesystem>
#include <string>

#include "sweep/spec/spec_error.h"
#include "sweep/spec/sweep_spec.h"
#include "trainer/corpus/corpus.h"

namespace crosslaw::sweep {

// Reads and checks a spec. Unknown keys, wrong types, unknown parents and cycles are errors; paths
// are relative to the spec's folder.
SweepSpec read_spec(const std::filesystem::path& file);

// The same spec with every default written out and every path absolute.
std::string to_toml(const SweepSpec& spec);

// The files behind the patterns, sorted. Throws SpecError when a pattern matches nothing.
trainer::CorpusOptions corpus_options(const SweepSpec& spec, const std::filesystem::path& folder);

}  // namespace crosslaw::sweep
