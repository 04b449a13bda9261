#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// What every fuzz target offers: the function that libFuzzer calls, and for the driver in
// replay.cpp inputs to start from.

// Aborts when an input breaks a property; the only exception it lets the readers throw is
// std::invalid_argument.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

// Of data files the published tables, shortened, and small ones with every option; of fits one of
// every law, with and without what is optional.
std::vector<std::string> seeds(const std::string& data_folder);
