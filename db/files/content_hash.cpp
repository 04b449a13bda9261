#include "db/files/content_hash.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/evp.h>

#include <fstream>
#include <stdexcept>

namespace crosslaw::db {
namespace {

[[noreturn]] void fail() { throw std::runtime_error("libcrypto refuses SHA-256"); }

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
  if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) fail();
}

void Sha256::add(const void* bytes, size_t count) {
  if (EVP_DigestUpdate(context_.get(), bytes, count) != 1) fail();
}

std::vector<unsigned char> Sha256::digest() {
  std::vector<unsigned char> bytes(EVP_MAX_MD_SIZE);
  unsigned length = 0;
  if (EVP_DigestFinal_ex(context_.get(), bytes.data(), &length) != 1) fail();
  bytes.resize(length);
  return bytes;
}

std::string Sha256::digits() { return fmt::format("{:02x}", fmt::join(digest(), "")); }

std::string sha256(std::string_view bytes) {
  Sha256 hash;
  hash.add(bytes.data(), bytes.size());
  return hash.digits();
}

std::string sha256_base64(std::string_view bytes) {
  Sha256 hash;
  hash.add(bytes.data(), bytes.size());
  const std::vector<unsigned char> digest = hash.digest();
  std::string text((digest.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock ends with a NUL
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), digest.data(),
                  static_cast<int>(digest.size()));
  text.pop_back();
  return text;
}

std::string sha256_of_file(const std::filesystem::path& file) {
  std::ifstream input(file, std::ios::binary);
  if (!input) throw std::runtime_error(fmt::format("{}: cannot be read", file.string()));
  Sha256 hash;
  // Pieces of a MiB: checkpoints are larger than memory may be.
  std::vector<char> piece(size_t{1} << 20);
  while (input) {
    input.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    hash.add(piece.data(), static_cast<size_t>(input.gcount()));
  }
  if (input.bad()) throw std::runtime_error(fmt::format("{}: reading failed", file.string()));
  return hash.digits();
}

}  // namespace crosslaw::db
