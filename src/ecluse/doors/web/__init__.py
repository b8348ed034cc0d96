"""The console: what people see of an exchange. Server-made pages, no script but for passkeys. It can open no parcel and holds no key that could."""
