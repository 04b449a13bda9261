#pragma once

#include <string>

namespace crosslaw::apps {

// What the help of a command says of its SPEC; manual_test.py compares the names with
// sweep/presets.
inline constexpr const char* kSpecOrPreset =
    "The sweep's spec (TOML), or a preset: demo, paper, transfer";

// `name` itself where there is such a file or `name` has a folder in it; else the preset of this
// name, with or without its `extension`: in share/crosslaw/presets of an installed copy, or in
// sweep/presets of the checkout that built this program. Where there is neither, `name` again, so
// that the reader of the file can say so; std::invalid_argument where a preset is spelt nearly so.
std::string file_or_preset(const std::string& name, const std::string& extension);

}  // namespace crosslaw::apps
