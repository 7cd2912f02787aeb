// AES-GCM through OpenSSL's EVP. The context keeps the expanded key; a record sets only its nonce.
#include "tls/aead_backend.hpp"
#include "tls/openssl.hpp"

#include <openssl/crypto.h>

#include <cstring>

namespace culvert::tls {
namespace {

// Fetched once: an implicit fetch for each key would take locks.
const EVP_CIPHER* cipher(std::size_t key_size) {
  static const EVP_CIPHER* const aes128 = EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr);
  static const EVP_CIPHER* const aes256 = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return key_size == 32 ? aes256 : aes128;
}

class EvpAead final : public Aead {
 public:
  explicit EvpAead(CipherContextPtr context) : context_(std::move(context)) {}

  bool seal(const Nonce& nonce, Bytes aad, Bytes plaintext, std::uint8_t last,
            std::uint8_t* out) override {
    EVP_CIPHER_CTX* c = context_.get();
    const std::size_t size = plaintext.size();
    int n = 0;
    if (EVP_EncryptInit_ex2(c, nullptr, nullptr, nonce.data(), nullptr) != 1 ||
        EVP_EncryptUpdate(c, nullptr, &n, aad.data(), static_cast<int>(aad.size())) != 1)
      return false;
    if (!encrypt(plaintext, last, out)) return false;
    return EVP_EncryptFinal_ex(c, out + size + 1, &n) == 1 &&
           EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, kTag, out + size + 1) == 1;
  }

  bool open(const Nonce& nonce, Bytes aad, Bytes ciphertext, std::uint8_t* out) override {
    EVP_CIPHER_CTX* c = context_.get();
    const std::size_t size = ciphertext.size() - kTag;
    std::array<std::uint8_t, kTag> tag;
    std::memcpy(tag.data(), ciphertext.data() + size, kTag);
    int n = 0;
    const bool good =
        EVP_DecryptInit_ex2(c, nullptr, nullptr, nonce.data(), nullptr) == 1 &&
        EVP_DecryptUpdate(c, nullptr, &n, aad.data(), static_cast<int>(aad.size())) == 1 &&
        EVP_DecryptUpdate(c, out, &n, ciphertext.data(), static_cast<int>(size)) == 1 &&
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, kTag, tag.data()) == 1 &&
        EVP_DecryptFinal_ex(c, out + size, &n) == 1;
    if (!good) OPENSSL_cleanse(out, size);
    return good;
  }

 private:
  // `plaintext` and `last` as one stream; two calls, or one behind a copy.
  bool encrypt(Bytes plaintext, std::uint8_t last, std::uint8_t* out) {
    const int size = static_cast<int>(plaintext.size());
    int n = 0;
    if (plaintext.size() <= kCopyBelow) {
      if (!plaintext.empty()) std::memmove(out, plaintext.data(), plaintext.size());
      out[size] = last;
      return EVP_EncryptUpdate(context_.get(), out, &n, out, size + 1) == 1;
    }
    return EVP_EncryptUpdate(context_.get(), out, &n, plaintext.data(), size) == 1 &&
           EVP_EncryptUpdate(context_.get(), out + size, &n, &last, 1) == 1;
  }

  CipherContextPtr context_;  // OpenSSL wipes the key when it frees it
};

}  // namespace

std::unique_ptr<Aead> make_evp_aead(Bytes key) {
  CipherContextPtr context(EVP_CIPHER_CTX_new());
  const EVP_CIPHER* algorithm = cipher(key.size());
  // The key schedule of GCM is the same in both directions: each record says which one it wants.
  if (!context || algorithm == nullptr ||
      EVP_EncryptInit_ex2(context.get(), algorithm, key.data(), nullptr, nullptr) != 1)
    return nullptr;
  return std::make_unique<EvpAead>(std::move(context));
}

std::string evp_aead_name() {
  return std::string("evp (OpenSSL ") + OpenSSL_version(OPENSSL_VERSION_STRING) + ")";
}

}  // namespace culvert::tls
