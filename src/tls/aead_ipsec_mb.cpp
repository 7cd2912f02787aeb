// AES-GCM through Intel's multi-buffer crypto library, its direct interface: plain functions over
// an expanded key and a context on the stack. The manager is needed only to learn which functions
// suit the processor; it is given back at once.
#include "tls/aead_backend.hpp"

#include <openssl/crypto.h>

#include <cstring>

#if defined(CULVERT_HAVE_IPSEC_MB)

#include <intel-ipsec-mb.h>
#include <link.h>
#include <sys/mman.h>

namespace culvert::tls {
namespace {

// The functions of one key size.
struct GcmFunctions {
  aes_gcm_pre_t expand = nullptr;
  aes_gcm_enc_dec_t encrypt = nullptr;
  aes_gcm_enc_dec_t decrypt = nullptr;
  aes_gcm_init_t start = nullptr;
  aes_gcm_enc_dec_update_t update = nullptr;
  aes_gcm_enc_dec_finalize_t finish = nullptr;
};

struct Library {
  bool usable = false;
  std::string flavour;  // "VAES AVX512"
  GcmFunctions aes128;
  GcmFunctions aes256;
};

std::string flavour_of(const IMB_MGR& manager) {
  const bool vaes = (manager.features & IMB_FEATURE_VAES) != 0;
  switch (static_cast<IMB_ARCH>(manager.used_arch)) {
    case IMB_ARCH_AVX512:
      return vaes ? "VAES AVX512" : "AVX512";
    case IMB_ARCH_AVX2:
      return vaes ? "VAES AVX2" : "AVX2";
    default:  // version 2 has no functions for AVX alone
      return "SSE or AVX";
  }
}

// Initialisation touches 3 MB of the library's code that is never run again. It is clean file
// memory: dropping it costs a refault of the few pages that are needed.
int drop_touched_code(dl_phdr_info* object, std::size_t, void*) {
  if (std::strstr(object->dlpi_name, "libIPSec_MB") == nullptr) return 0;
  static constexpr std::uintptr_t kPage = 4096;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const auto begin = (object->dlpi_addr + segment.p_vaddr + kPage - 1) & ~(kPage - 1);
    const auto end = (object->dlpi_addr + segment.p_vaddr + segment.p_memsz) & ~(kPage - 1);
    if (end > begin) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 1;
}

Library load() {
  Library library;
  IMB_MGR* manager = alloc_mb_mgr(0);
  if (manager == nullptr) return library;
  init_mb_mgr_auto(manager, nullptr);
  constexpr std::uint64_t kNeeded = IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ;
  library.usable = imb_get_errno(manager) == 0 && (manager->features & kNeeded) == kNeeded;
  if (library.usable) {
    library.flavour = flavour_of(*manager);
    library.aes128 = {manager->gcm128_pre,        manager->gcm128_enc,
                      manager->gcm128_dec,        manager->gcm128_init,
                      manager->gcm128_enc_update, manager->gcm128_enc_finalize};
    library.aes256 = {manager->gcm256_pre,        manager->gcm256_enc,
                      manager->gcm256_dec,        manager->gcm256_init,
                      manager->gcm256_enc_update, manager->gcm256_enc_finalize};
  }
  free_mb_mgr(manager);
  ::dl_iterate_phdr(drop_touched_code, nullptr);
  return library;
}

const Library& library() {
  static const Library loaded = load();
  return loaded;
}

class IpsecMbAead final : public Aead {
 public:
  IpsecMbAead(const GcmFunctions& functions, Bytes key) : functions_(functions) {
    functions_.expand(key.data(), &key_);
  }
  ~IpsecMbAead() override { OPENSSL_cleanse(&key_, sizeof(key_)); }

  bool seal(const Nonce& nonce, Bytes aad, Bytes plaintext, std::uint8_t last,
            std::uint8_t* out) override {
    gcm_context_data context;
    const std::size_t size = plaintext.size();
    std::uint8_t* tag = out + size + 1;
    if (size <= kCopyBelow) {
      if (size > 0) std::memmove(out, plaintext.data(), size);
      out[size] = last;
      functions_.encrypt(&key_, &context, out, out, size + 1, nonce.data(), aad.data(), aad.size(),
                         tag, kTag);
      return true;
    }
    functions_.start(&key_, &context, nonce.data(), aad.data(), aad.size());
    functions_.update(&key_, &context, out, plaintext.data(), size);
    functions_.update(&key_, &context, out + size, &last, 1);
    functions_.finish(&key_, &context, tag, kTag);
    return true;
  }

  bool open(const Nonce& nonce, Bytes aad, Bytes ciphertext, std::uint8_t* out) override {
    gcm_context_data context;
    const std::size_t size = ciphertext.size() - kTag;
    std::array<std::uint8_t, kTag> received;
    std::array<std::uint8_t, kTag> computed;
    std::memcpy(received.data(), ciphertext.data() + size, kTag);
    functions_.decrypt(&key_, &context, out, ciphertext.data(), size, nonce.data(), aad.data(),
                       aad.size(), computed.data(), kTag);
    const bool good = CRYPTO_memcmp(received.data(), computed.data(), kTag) == 0;
    if (!good) OPENSSL_cleanse(out, size);
    return good;
  }

 private:
  const GcmFunctions& functions_;  // of library(): lives for ever
  alignas(16) gcm_key_data key_;
};

}  // namespace

std::unique_ptr<Aead> make_ipsec_mb_aead(Bytes key) {
  if (!library().usable) return nullptr;
  return std::make_unique<IpsecMbAead>(key.size() == 32 ? library().aes256 : library().aes128, key);
}

bool ipsec_mb_available() { return library().usable; }

std::string ipsec_mb_aead_name() { return "ipsec-mb (" + library().flavour + ")"; }

}  // namespace culvert::tls

#else

namespace culvert::tls {

std::unique_ptr<Aead> make_ipsec_mb_aead(Bytes) { return nullptr; }
bool ipsec_mb_available() { return false; }
std::string ipsec_mb_aead_name() { return "ipsec-mb (absent)"; }

}  // namespace culvert::tls

#endif
