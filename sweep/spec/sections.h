#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "sweep/spec/sweep_spec.h"
#include "sweep/spec/toml_section.h"

// The parts of a spec, each read from its table, and what their readers share. All throw SpecError.
namespace crosslaw::sweep {

// Blames the key for not being what was expected.
void require(bool good, const TomlSection& section, const std::string& key,
             const std::string& expected);
// An array of positive numbers, sorted, each once.
std::vector<double> positive_numbers(TomlSection& section, const std::string& key);
std::string absolute_to(const std::filesystem::path& spec_file, const std::string& path);
bool has_language(const SweepSpec& spec, const std::string& name);

void read_training(TomlSection section, TrainingSpec& train);
// The languages must be read already.
StrategySpec read_strategy(TomlSection& section, const SweepSpec& spec);
// Parents must exist, without cycles, and speak another language.
void check_parents(const TomlSection& root, const SweepSpec& spec);

}  // namespace crosslaw::sweep
