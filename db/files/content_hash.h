#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct evp_md_ctx_st;  // OpenSSL's

namespace crosslaw::db {

// SHA-256 (FIPS 180-4) of bytes that come piece by piece.
class Sha256 {
 public:
  Sha256();
  void add(const void* bytes, size_t count);
  // Each ends the hash; nothing may be added afterwards.
  std::vector<unsigned char> digest();
  std::string digits();  // 64, hexadecimal

 private:
  std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)> context_;
};

// SHA-256 as 64 lower-case hexadecimal digits.
std::string sha256(std::string_view bytes);

// The same hash in base64, as a Content-Security-Policy names a script.
std::string sha256_base64(std::string_view bytes);

// The same of a file's content, read in pieces. Throws std::runtime_error when it cannot be read.
std::string sha256_of_file(const std::filesystem::path& file);

}  // namespace crosslaw::db
