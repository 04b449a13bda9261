#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace crosslaw::db {

// SHA-256 as 64 lower-case hexadecimal digits.
std::string sha256(std::string_view bytes);

// The same hash in base64, as a Content-Security-Policy names a script.
std::string sha256_base64(std::string_view bytes);

// The same of a file's content, read in pieces. Throws std::runtime_error when it cannot be read.
std::string sha256_of_file(const std::filesystem::path& file);

}  // namespace crosslaw::db
